# What a host and the process that computes for it say to each other. Small numbers are fields; what has a JSON form in
# this tree already (plans, parameters of sampling) comes in it.
@0xd2f0a5c1b7e94c31;

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("plimsoll::worker::rpc");

struct State {  # of a sequence, after whatever was done to it
  size @0 :UInt64;
  waiting @1 :UInt64;
  hasLogits @2 :Bool;
}

struct Snapshot {  # run::SequenceSnapshot; its memory lies in a file that the holder's descriptor is of
  header @0 :Text;
  memory @1 :Memory;
  size @2 :UInt64;
}

interface Memory {}  # a descriptor comes with it

struct Probability {
  token @0 :Int32;
  logit @1 :Float32;
  probability @2 :Float32;
}

struct Opinion {
  chosen @0 :Probability;
  likeliest @1 :List(Probability);
}

struct Counts {  # of a model, since it was opened
  computed @0 :UInt64;
  generated @1 :UInt64;
  cells @2 :UInt64;
  afterSeal @3 :UInt64;
  refused @4 :UInt64;
  hasFailed @5 :Bool;
}

struct Output {  # run::GenerationOutput
  tokens @0 :List(Int32);
  opinions @1 :List(Opinion);
  averages @2 :List(Float32);
  text @3 :Data;
  reason @4 :UInt16;
  stopString @5 :Data;
  failure @6 :Text;  # empty: none
  promptMs @7 :Float64;
  generateMs @8 :Float64;
  proposed @9 :UInt64;
  accepted @10 :UInt64;
  promptOpinions @11 :List(Opinion);
}

interface Reader {
  told @0 (outputs :List(Output), counts :Counts, state :State) -> stream;  # the state once it has ended
  progress @1 (done :UInt64, of :UInt64) -> stream;
  promptDecoded @2 () -> stream;
}

interface Generation {
  read @0 (pieces :UInt64) -> ();                      # so many were read since the beginning
  cancel @1 () -> ();
  # So many tokens were read. Where the sequence is not what it was with these behind it (its last one found no place,
  # the model's own end is behind them), its tokens as they are.
  end @2 (read :UInt64) -> (state :State, rest :Data, tokens :List(Int32));
}

interface Sequence {
  append @0 (tokens :List(Int32)) -> (state :State);
  replace @1 (tokens :List(Int32)) -> (state :State, inMemory :UInt64);
  rewind @2 (count :UInt64) -> (state :State);
  refresh @3 () -> (state :State);
  copyFrom @4 (other :Sequence, most :UInt64) -> (state :State, tokens :List(Int32));
  save @5 () -> (snapshot :Snapshot);
  sizeWhenSaved @6 () -> (size :UInt64);
  generate @7 (params :Text, reader :Reader, draft :Sequence) -> (generation :Generation);
  setScales @8 (scales :List(Float32)) -> (state :State);
  setWeight @9 (weight :Float64) -> ();
}

struct Row {
  width @0 :UInt64;
  values @1 :List(Float32);
}

interface Model {
  create @0 (tokens :List(Int32), scales :List(Float32), weight :Float64) -> (sequence :Sequence, state :State);
  restore @1 (snapshot :Snapshot, weight :Float64) -> (sequence :Sequence, state :State);
  embed @2 (inputs :List(List(Int32)), normalise :Bool) -> (rows :List(Row));
  rank @3 (inputs :List(List(Int32)), sigmoid :Bool) -> (rows :List(Row));
  close @4 () -> ();
}

interface Host {  # of a model
  # A conversation that nobody uses lets go of its memory; the host saves it before it answers. False: there is none.
  makeRoom @0 () -> (wasMade :Bool);
  isLoading @1 () -> ();  # the load goes on
}

interface Worker {
  open @0 (request :Text, host :Host) -> (model :Model, facts :Text);
}
