"""Writes a checkpoint of train.py as a GGUF file: to_gguf.py bosun|mate CHECKPOINT FILE."""

import sys

import gguf
import torch

from bpe import CONTROL, END_OF_TEXT, TURN_END, Vocabulary
from chat import TEMPLATE
from model import Shape, Transformer

ABOUT = {
    "bosun": ("Bosun's Log", "A very small llama model that goes on writing the log of an invented ship."),
    "mate": ("Mate's Chat", "A very small qwen3 model that answers simple questions about an invented ship and writes her log."),
}
# Of one layer: the name in model.py and the name in the file.
IN_LAYER = {
    "attention_norm": "attn_norm", "attention.q": "attn_q", "attention.k": "attn_k", "attention.v": "attn_v",
    "attention.output": "attn_output", "attention.q_norm": "attn_q_norm", "attention.k_norm": "attn_k_norm",
    "ffn_norm": "ffn_norm", "gate": "ffn_gate", "up": "ffn_up", "down": "ffn_down",
}
OUTSIDE = {"embedding": "token_embd", "norm": "output_norm", "output": "output"}


def load(checkpoint: str) -> tuple[Transformer, Vocabulary]:
    saved = torch.load(checkpoint, weights_only=True)
    vocabulary = Vocabulary([tuple(pair) for pair in saved["merges"]])
    model = Transformer(Shape(vocabulary=len(vocabulary), **saved["shape"]))
    model.load_state_dict(saved["weights"])
    return model.eval(), vocabulary


def file_name(name: str) -> str:
    name = name.removesuffix(".weight")
    if name in OUTSIDE:
        return OUTSIDE[name] + ".weight"
    _, number, part = name.split(".", 2)
    return f"blk.{number}.{IN_LAYER[part]}.weight"


def add_about(writer: gguf.GGUFWriter, name: str) -> None:
    title, description = ABOUT[name]
    writer.add_type(gguf.GGUFType.MODEL)
    writer.add_name(title)
    writer.add_description(description)
    writer.add_author("The Plimsoll project")
    writer.add_license("MIT")
    writer.add_languages(["en"])
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)


def add_shape(writer: gguf.GGUFWriter, shape: Shape) -> None:
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.ffn)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_key_length(shape.head_dim)
    writer.add_value_length(shape.head_dim)
    writer.add_rope_dimension_count(shape.head_dim)
    writer.add_rope_freq_base(shape.rope_base)
    writer.add_layer_norm_rms_eps(shape.epsilon)
    writer.add_vocab_size(shape.vocabulary)


def add_vocabulary(writer: gguf.GGUFWriter, vocabulary: Vocabulary, chats: bool) -> None:
    kinds = [gguf.TokenType.CONTROL if token in CONTROL else gguf.TokenType.NORMAL for token in vocabulary.tokens]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(vocabulary.tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges([" ".join(pair) for pair in vocabulary.merges])
    writer.add_bos_token_id(vocabulary.id[END_OF_TEXT])
    writer.add_pad_token_id(vocabulary.id[END_OF_TEXT])
    writer.add_add_bos_token(False)
    writer.add_eos_token_id(vocabulary.id[TURN_END if chats else END_OF_TEXT])
    if chats:
        writer.add_eot_token_id(vocabulary.id[TURN_END])
        writer.add_chat_template(TEMPLATE)


def add_weights(writer: gguf.GGUFWriter, model: Transformer) -> None:
    """Matrices as 16-bit floats, norms as they are."""
    for name, weight in model.state_dict().items():
        if name == "output.weight" and model.shape.tied:
            continue
        writer.add_tensor(file_name(name), (weight.half() if weight.dim() == 2 else weight).numpy())


def main() -> None:
    name, checkpoint, path = sys.argv[1:]
    model, vocabulary = load(checkpoint)
    writer = gguf.GGUFWriter(path, model.shape.architecture)
    add_about(writer, name)
    add_shape(writer, model.shape)
    add_vocabulary(writer, vocabulary, chats=name == "mate")
    add_weights(writer, model)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    main()
