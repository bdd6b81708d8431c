// A C# program that calls llama by P/Invoke, as LLamaSharp does: it knows nothing of a guard, and turns what the engine
// does not give into exceptions. TwoModels.exe FIRST SECOND: opens both, and asks the first again whatever became of the
// second. MODEL_PARAMS and CONTEXT_PARAMS are the sizes of the engine's structures; the test writes them here.
using System;
using System.Runtime.InteropServices;
using System.Text;

class LoadFailed : Exception { public LoadFailed(string what) : base(what) {} }

static unsafe class Native {
  [StructLayout(LayoutKind.Sequential)] public struct ModelParams { public fixed byte bytes[MODEL_PARAMS]; }
  [StructLayout(LayoutKind.Sequential)] public struct ContextParams { public uint n_ctx; public fixed byte rest[CONTEXT_PARAMS - 4]; }
  [StructLayout(LayoutKind.Sequential)] public struct Batch {
    public int n_tokens; public int* token; public float* embd; public int* pos; public int* n_seq_id; public int** seq_id; public sbyte* logits;
  }
  const string Llama = "libllama.so.0", Ggml = "libggml.so.0";
  [DllImport(Llama)] public static extern void llama_log_set(IntPtr callback, IntPtr data);
  [DllImport(Ggml)] public static extern void ggml_backend_load_all();
  [DllImport(Llama)] public static extern ModelParams llama_model_default_params();
  [DllImport(Llama)] public static extern ContextParams llama_context_default_params();
  [DllImport(Llama)] public static extern IntPtr llama_model_load_from_file(string path, ModelParams parameters);
  [DllImport(Llama)] public static extern IntPtr llama_init_from_model(IntPtr model, ContextParams parameters);
  [DllImport(Llama)] public static extern IntPtr llama_model_get_vocab(IntPtr model);
  [DllImport(Llama)] public static extern int llama_tokenize(IntPtr vocab, byte[] text, int length, int[] tokens, int most, bool special, bool parse);
  [DllImport(Llama)] public static extern Batch llama_batch_get_one(int* tokens, int count);
  [DllImport(Llama)] public static extern int llama_decode(IntPtr context, Batch batch);
  [DllImport(Llama)] public static extern float* llama_get_logits_ith(IntPtr context, int index);
  [DllImport(Llama)] public static extern void llama_free(IntPtr context);
  [DllImport(Llama)] public static extern void llama_model_free(IntPtr model);
}

sealed unsafe class Chat : IDisposable {
  IntPtr model, context;
  public Chat(string file, uint tokens) {
    model = Native.llama_model_load_from_file(file, Native.llama_model_default_params());
    if (model == IntPtr.Zero) throw new LoadFailed("the model " + file);
    var parameters = Native.llama_context_default_params();
    parameters.n_ctx = tokens;
    context = Native.llama_init_from_model(model, parameters);
    if (context == IntPtr.Zero) { Native.llama_model_free(model); throw new LoadFailed("the context of " + file); }
  }
  public string Ask(string text) {
    var bytes = Encoding.UTF8.GetBytes(text);
    var tokens = new int[64];
    int count = Native.llama_tokenize(Native.llama_model_get_vocab(model), bytes, bytes.Length, tokens, tokens.Length, true, true);
    fixed (int* first = tokens) {
      int status = Native.llama_decode(context, Native.llama_batch_get_one(first, count));
      float* logits = status == 0 ? Native.llama_get_logits_ith(context, -1) : null;
      return status + " " + (logits == null ? "none" : logits[5].ToString("F4"));
    }
  }
  public void Dispose() { Native.llama_free(context); Native.llama_model_free(model); }
}

static class Program {
  static void Main(string[] files) {
    Native.ggml_backend_load_all();
    using (var first = new Chat(files[0], 4096)) {
      Console.WriteLine("first " + first.Ask("Day 12."));
      try {
        using (var second = new Chat(files[1], 4096)) Console.WriteLine("second " + second.Ask("Day 12."));
      } catch (LoadFailed failed) {
        Console.WriteLine("caught: " + failed.Message);
      }
      Console.WriteLine("first " + first.Ask(" Wind"));
    }
    Console.WriteLine("end");
  }
}
