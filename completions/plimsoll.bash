# bash completion for plimsoll

_plimsoll() {
  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command='' i
  local commands='devices plan generate chat calibrate doctor demo bench embed rerank tokenize quantize serve top ps guard place'
  local global='-h --help --version -v --verbose --log-file --config'
  # options: model
  local model='-m --model --name -ngl --gpu-layers --n-gpu-layers --device -dev -sm --split-mode -ts --tensor-split -mg
    --main-gpu -ot --override-tensor --cpu-moe -cmoe -ncmoe --n-cpu-moe -lm --load-mode -nr --no-repack --no-host
    --override-kv --check-tensors --no-mmap --lora --lora-scaled --control-vector --control-vector-scaled
    --control-vector-layer-range -mm --mmproj --chat-template --chat-template-file --rpc --rpc-insecure
    --no-mmproj-offload --image-min-tokens --image-max-tokens'
  # end of options
  # options: draft
  local draft='-md --model-draft -ngld --gpu-layers-draft --draft-max --draft-p-min'
  # end of options
  # options: context, budget
  local context='-c --ctx-size -b --batch-size -ub --ubatch-size -np --parallel --outputs -ctk --cache-type-k -ctv
    --cache-type-v -fa --flash-attn --attention -kvu --kv-unified --swa-full -nkvo --no-kv-offload --rope-scaling
    --rope-freq-base --rope-freq-scale --yarn-orig-ctx --yarn-ext-factor --yarn-attn-factor --yarn-beta-fast
    --yarn-beta-slow -t --threads -tb --threads-batch --budget --runtime --no-prefault'
  # end of options
  local sampling='-s --seed --temp --temperature --top-k --top-p --min-p --typical --repeat-last-n --repeat-penalty
    --frequency-penalty --presence-penalty --grammar --grammar-file --samplers --dynatemp-range --dynatemp-exp
    --top-n-sigma --xtc-probability --xtc-threshold --dry-multiplier --dry-base --dry-allowed-length
    --dry-penalty-last-n --dry-sequence-breaker --mirostat --mirostat-lr --mirostat-ent --adaptive-target
    --adaptive-decay -l --logit-bias -j --json-schema --json-schema-file -jf'

  for ((i = 1; i < COMP_CWORD; ++i)); do
    if [[ " $commands " == *" ${COMP_WORDS[i]} "* ]]; then command=${COMP_WORDS[i]}; break; fi
  done

  case $before in
    # options: values
    -m | --model) mapfile -t COMPREPLY < <(compgen -f -X '!*.gguf' -- "$word"; compgen -d -- "$word"); return ;;
    -ngl | --gpu-layers | --n-gpu-layers) mapfile -t COMPREPLY < <(compgen -W 'all auto 0' -- "$word"); return ;;
    -sm | --split-mode) mapfile -t COMPREPLY < <(compgen -W 'none layer row' -- "$word"); return ;;
    -lm | --load-mode) mapfile -t COMPREPLY < <(compgen -W 'none mmap mlock mmap+mlock dio' -- "$word"); return ;;
    --lora) mapfile -t COMPREPLY < <(compgen -f -X '!*.gguf' -- "$word"; compgen -d -- "$word"); return ;;
    --control-vector) mapfile -t COMPREPLY < <(compgen -f -X '!*.gguf' -- "$word"; compgen -d -- "$word"); return ;;
    -mm | --mmproj) mapfile -t COMPREPLY < <(compgen -f -X '!*.gguf' -- "$word"; compgen -d -- "$word"); return ;;
    --chat-template-file) mapfile -t COMPREPLY < <(compgen -f -X '!*.gguf' -- "$word"; compgen -d -- "$word"); return ;;
    -ctk | --cache-type-k) mapfile -t COMPREPLY < <(compgen -W 'f32 f16 bf16 q8_0 q4_0 q4_1 q5_0 q5_1 iq4_nl' -- "$word"); return ;;
    -ctv | --cache-type-v) mapfile -t COMPREPLY < <(compgen -W 'f32 f16 bf16 q8_0 q4_0 q4_1 q5_0 q5_1 iq4_nl' -- "$word"); return ;;
    -fa | --flash-attn) mapfile -t COMPREPLY < <(compgen -W 'on off auto' -- "$word"); return ;;
    --attention) mapfile -t COMPREPLY < <(compgen -W 'causal non-causal' -- "$word"); return ;;
    --rope-scaling) mapfile -t COMPREPLY < <(compgen -W 'none linear yarn longrope' -- "$word"); return ;;
    -md | --model-draft) mapfile -t COMPREPLY < <(compgen -f -X '!*.gguf' -- "$word"; compgen -d -- "$word"); return ;;
    -ngld | --gpu-layers-draft) mapfile -t COMPREPLY < <(compgen -W 'all auto 0' -- "$word"); return ;;
    # end of options
    --pooling) mapfile -t COMPREPLY < <(compgen -W 'none mean cls last' -- "$word"); return ;;
    --embd-normalize) mapfile -t COMPREPLY < <(compgen -W '2 -1' -- "$word"); return ;;
    --image | --audio | --imatrix | --json-schema-file | -jf | --log-file | --config | --fleet | --api-key-file | --ssl-cert-file | --ssl-key-file | -f | --file | --report | --grammar-file)
      mapfile -t COMPREPLY < <(compgen -f -- "$word"); return ;;
    --log-format) mapfile -t COMPREPLY < <(compgen -W 'text json' -- "$word"); return ;;
    --warm-up) mapfile -t COMPREPLY < <(compgen -W 'auto full quick none' -- "$word"); return ;;
  esac

  local words
  case $command in
    '') words="$commands $global" ;;
    devices | doctor) words='-h --help --json --rpc --rpc-insecure' ;;
    demo) words='-h --help' ;;
    plan) words="-h --help --explain --fit --json $model $draft $context" ;;
    generate) words="-h --help -p --prompt -f --file --tokens --image --audio -n --predict --stop --ignore-eos --report --fleet
      --warm-up --fit --progress --json $model $draft $context $sampling" ;;
    chat) words="-h --help --system --forget-oldest -n --predict --stop --warm-up --fit $model $draft $context $sampling" ;;
    calibrate) words="-h --help --forget --json $model $context" ;;
    bench) words="-h --help -p --n-prompt -n --n-gen -r --repetitions --warm-up --json $model $context" ;;
    embed) words="-h --help -p --prompt -f --file --tokens --pooling --embd-normalize --warm-up --fit --json $model $context" ;;
    rerank) words="-h --help -q --query -d --document -f --file --tokens --sigmoid --top-n --truncate --warm-up --fit --json
      $model $context" ;;
    tokenize) words='-h --help -m --model -p --prompt -f --file --ids --no-bos --no-parse-special --show-count --detokenize
      --tokens --json' ;;
    serve)
      words="-h --help --host --port --api-key --api-key-file --ssl-cert-file --ssl-key-file --cors-origin --host-name --watch --no-dashboard --no-slots --tags
        -a --alias --strict-fields --backlog --chat-template-kwargs --reasoning --reasoning-effort --reasoning-budget --time-to-live
        --log-format --max-body --max-prompt-tokens --max-answer-tokens --max-requests --max-queue --max-connections --cached-prompts --slot-save-path
        --media-path --allowed-media-domains
        --max-wait --max-time --max-decode-time --isolate --time-slice --drain-time --sse-ping-interval --keep-alive-spaces --models-max --no-models-autoload --eviction --keep-in-host --yield-to-foreign --metrics-compat --embedding --reranking --pooling
        $model $draft $context $sampling"
      mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word"; compgen -f -- "$word"); return ;;
    ps) words='-h --help --watch --interval --json' ;;
    place)
      words='-h --help --before --write --render --json'
      mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word"; compgen -f -- "$word"); return ;;
    top) words='-h --help --fleet --budget --no-prefault --frame --frames --interval --json' ;;
    guard)
      words='-h --help --budget --name --warm-up --seal --report --any-engine -q --quiet'
      mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word"; compgen -f -- "$word"); return ;;
    quantize)
      words='-h --help -t --threads --dry-run --force --allow-requantize --leave-output-tensor --pure --keep-split --imatrix
        --output-tensor-type --token-embedding-type --tensor-type --prune-layers --override-kv --max-buffer-size --json'
      mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word"; compgen -f -- "$word"); return ;;
  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}

complete -o filenames -F _plimsoll plimsoll
