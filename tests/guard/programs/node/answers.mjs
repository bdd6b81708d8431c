// node-llama-cpp, which brings an engine of its own: answers.mjs MODEL. What it prints does not tell whether it is guarded.
import {getLlama} from "node-llama-cpp";

const llama = await getLlama({gpu: false, build: "never", logLevel: "error"});
const model = await llama.loadModel({modelPath: process.argv[2], useMmap: true});
try {
  const context = await model.createContext({contextSize: 512, sequences: 1});
  const tokens = [];
  for await (const token of context.getSequence().evaluate(model.tokenize("Day 12."), {temperature: 0})) {
    tokens.push(token);
    if (tokens.length >= 16) break;
  }
  console.log("text", JSON.stringify(model.detokenize(tokens)));
  await context.dispose();
} catch (error) {
  console.log("caught", error.message);
}
await model.dispose();
console.log("end");
process.exit(0);
