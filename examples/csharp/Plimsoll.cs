// Plimsoll for C#, over libplimsoll.so.0 (docs/c-api.md). The files beside it but Program.cs belong to the binding.
//
//   using (var runtime = new Runtime(new RuntimeOptions { Budgets = { "CPU=2GiB" } }))
//   using (var model = runtime.Open("model.gguf", new ModelOptions { ContextSize = 4096 }))
//       foreach (string piece in model.Generate("Once upon a time")) Console.Write(piece);
//
// Streams are asynchronous as well: `await foreach (string piece in model.GenerateAsync(...))` from C# 8 on.
using System;
using System.Collections.Generic;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using System.Text;
using System.Threading;
using System.Threading.Tasks;

namespace Plimsoll
{
    /// <summary>What a call failed with. Code is stable ("over_budget"); Numbers is a JSON object.</summary>
    public sealed class PlimsollException : Exception
    {
        public string Code { get; }
        public string Numbers { get; }

        private PlimsollException(string message, string code, string numbers) : base(message)
        {
            Code = code;
            Numbers = numbers;
        }

        internal static void Check(IntPtr error)
        {
            if (error == IntPtr.Zero) return;
            var thrown = new PlimsollException(Utf8.Read(Native.plimsoll_error_message(error)),
                Utf8.Read(Native.plimsoll_error_name(error)), Utf8.Read(Native.plimsoll_error_numbers(error)));
            Native.plimsoll_error_free(error);
            throw thrown;
        }
    }

    public static class Library
    {
        public static string Version => Utf8.Read(Native.plimsoll_version());
        /// <summary>"enforcing": refusals hold; "advisory": TrackerAdvice says why not.</summary>
        public static string TrackerMode => Utf8.Read(Native.plimsoll_tracker_mode());
        public static string TrackerAdvice => Utf8.Read(Native.plimsoll_tracker_advice());
    }

    public sealed class RuntimeOptions
    {
        public List<string> Budgets { get; } = new List<string>();
        public string Store { get; set; }
        public bool RequireEnforcing { get; set; }
    }

    public enum WarmUp { Automatic, Full, Quick, None }

    public sealed class ModelOptions
    {
        public string Name { get; set; }
        public int? ContextSize { get; set; }
        public int? Sequences { get; set; }
        public int? GpuLayers { get; set; }
        public int? Threads { get; set; }
        public WarmUp WarmUp { get; set; }
        /// <summary>Every other parameter, as lines of a fleet file: "cache-type-k = \"q8_0\"".</summary>
        public string Settings { get; set; }
        /// <summary>Those of an Alternative.</summary>
        public string Overrides { get; set; }
        public string Draft { get; set; }
        public Action<float> LoadProgress { get; set; }
    }

    public sealed class GenerationOptions
    {
        public int Predict { get; set; } = 256;
        public float? Temperature { get; set; }
        public int? TopK { get; set; }
        public float? TopP { get; set; }
        public float? MinP { get; set; }
        public uint? Seed { get; set; }
        public List<string> StopStrings { get; } = new List<string>();
        public string Grammar { get; set; }
        public string JsonSchema { get; set; }
        /// <summary>Every other parameter, as JSON with llama-server's names.</summary>
        public string Sampling { get; set; }
        public TimeSpan Patience { get; set; }
        public Action<ulong, ulong> PromptProgress { get; set; }
        /// <summary>One of your own, among the others.</summary>
        public ICustomSampler Sampler { get; set; }
        public SamplerPlace SamplerPlace { get; set; }
    }

    public enum FinishReason { Running, EndOfGeneration, StopString, Length, Cancelled }
    public enum ChatForm { Template, Instruct, RoleNames }
    public enum Pooling { Unspecified = -1, None, Mean, Cls, Last }

    /// <summary>Something of the library's, which is closed once: by Dispose, or when nobody has it any more.</summary>
    public abstract class Handle : IDisposable
    {
        private int _released;

        internal Handle(IntPtr value) { Value = value; }
        ~Handle() { Release(); }

        /// <summary>Also once it is closed: the library then says so.</summary>
        internal IntPtr Value { get; }
        internal bool IsReleased => _released != 0;
        internal abstract IntPtr Close(IntPtr value);

        private void Release()
        {
            if (Interlocked.Exchange(ref _released, 1) == 0) Close(Value);  // its errors are nobody's to free
        }

        public void Dispose()
        {
            Release();
            GC.SuppressFinalize(this);
        }

        internal delegate IntPtr Asks(IntPtr handle, out IntPtr text);
        internal string Ask(Asks question)
        {
            PlimsollException.Check(question(Value, out IntPtr text));
            string answer = Utf8.Read(text);
            PlimsollException.Check(Native.plimsoll_free(text));
            GC.KeepAlive(this);
            return answer;
        }
    }

    /// <summary>The memory of this process: one at a time.</summary>
    public sealed class Runtime : Handle
    {
        public Runtime(RuntimeOptions options = null) : base(Opened(options ?? new RuntimeOptions())) { }
        internal override IntPtr Close(IntPtr value) => Native.plimsoll_runtime_close(value);

        public string StatusJson() => Ask(Native.plimsoll_runtime_status_json);

        /// <summary>What it would take, and whether it fits; nothing is taken.</summary>
        public Plan Plan(string path, ModelOptions options = null)
        {
            using (var asked = new AskedModel(options, default(CancellationToken)))
            {
                asked.Check(Native.plimsoll_model_plan(Value, Utf8.Bytes(path), ref asked.Options, out IntPtr plan));
                return new Plan(plan);
            }
        }

        /// <summary>A model that is ready. Throws, with what would fit, before anything is taken.</summary>
        public Model Open(string path, ModelOptions options = null, CancellationToken token = default(CancellationToken))
        {
            using (var asked = new AskedModel(options, token))
            {
                asked.Check(Native.plimsoll_model_open(Value, Utf8.Bytes(path), ref asked.Options, out IntPtr model));
                return new Model(model);
            }
        }

        public Task<Model> OpenAsync(string path, ModelOptions options = null, CancellationToken token = default(CancellationToken))
            => Task.Run(() => Open(path, options, token));

        public Embedder OpenEmbedder(string path, ModelOptions options = null, Pooling pooling = Pooling.Unspecified)
        {
            using (var asked = new AskedModel(options, default(CancellationToken)))
            {
                asked.Check(Native.plimsoll_embedder_open(Value, Utf8.Bytes(path), ref asked.Options, (int)pooling, out IntPtr embedder));
                return new Embedder(embedder);
            }
        }

        private static IntPtr Opened(RuntimeOptions from)
        {
            using (var memory = new Utf8())
            {
                var options = new NativeRuntimeOptions();
                PlimsollException.Check(Native.plimsoll_runtime_options_init(ref options, (UIntPtr)Marshal.SizeOf(options)));
                options.Budgets = memory.List(from.Budgets);
                options.BudgetCount = (ulong)from.Budgets.Count;
                options.Store = memory.Text(from.Store);
                options.RequireEnforcing = from.RequireEnforcing ? 1 : 0;
                PlimsollException.Check(Native.plimsoll_runtime_open(ref options, out IntPtr runtime));
                return runtime;
            }
        }
    }

    /// <summary>A configuration near a refused one that would fit.</summary>
    public sealed class Alternative
    {
        public string Overrides { get; internal set; }
        public string Cost { get; internal set; }
    }

    public sealed class Plan : Handle
    {
        internal Plan(IntPtr value) : base(value) { }
        internal override IntPtr Close(IntPtr value) => Native.plimsoll_plan_close(value);

        /// <summary>Throws what opening would throw.</summary>
        public void Admit() => PlimsollException.Check(Native.plimsoll_plan_admit(Value));

        public IReadOnlyList<Alternative> Alternatives()
        {
            var all = new List<Alternative>();
            PlimsollException.Check(Native.plimsoll_plan_n_alternatives(Value, out ulong count));
            for (ulong i = 0; i < count; ++i)
            {
                PlimsollException.Check(Native.plimsoll_plan_alternative(Value, i, out IntPtr overrides, out IntPtr cost));
                all.Add(new Alternative { Overrides = Utf8.Read(overrides), Cost = Utf8.Read(cost) });
            }
            return all;
        }

        public string Json() => Ask(Native.plimsoll_plan_json);
        public override string ToString() => Ask(Native.plimsoll_plan_table);
    }

    public sealed class Model : Handle
    {
        internal Model(IntPtr value) : base(value) { }
        internal override IntPtr Close(IntPtr value) => Native.plimsoll_model_close(value);

        public string Json() => Ask(Native.plimsoll_model_json);

        /// <summary>Also inside a sampler of one's own.</summary>
        public string TextOf(params int[] tokens)
        {
            PlimsollException.Check(Native.plimsoll_model_text_of(Value, tokens, (ulong)tokens.Length, 0, out IntPtr text, out ulong length));
            string answer = Utf8.Read(text, (int)length);
            PlimsollException.Check(Native.plimsoll_free(text));
            GC.KeepAlive(this);
            return answer;
        }

        /// <summary>A request that knows nothing of any other.</summary>
        public Generation Generate(string prompt, GenerationOptions options = null)
            => new Generation(options, (ref NativeGenerationOptions how, out IntPtr made)
                => Native.plimsoll_model_generate(Value, Utf8.Bytes(prompt), -1, ref how, out made));

        public TextStream GenerateAsync(string prompt, GenerationOptions options = null, CancellationToken token = default(CancellationToken))
            => new TextStream(() => Generate(prompt, options), token);

        public Chat Chat(string system = null, ChatForm form = ChatForm.Template, bool forgetOldest = false)
        {
            using (var memory = new Utf8())
            {
                var options = new NativeChatOptions();
                PlimsollException.Check(Native.plimsoll_chat_options_init(ref options, (UIntPtr)Marshal.SizeOf(options)));
                options.System = memory.Text(system);
                options.Form = (int)form;
                options.ForgetOldest = forgetOldest ? 1 : 0;
                PlimsollException.Check(Native.plimsoll_chat_open(Value, ref options, out IntPtr chat));
                return new Chat(chat);
            }
        }
    }

    /// <summary>A history, and a memory of the model that follows it.</summary>
    public sealed class Chat : Handle
    {
        internal Chat(IntPtr value) : base(value) { }
        internal override IntPtr Close(IntPtr value) => Native.plimsoll_chat_close(value);

        public Generation Say(string text, GenerationOptions options = null)
            => new Generation(options, (ref NativeGenerationOptions how, out IntPtr made)
                => Native.plimsoll_chat_say(Value, Utf8.Bytes(text), -1, ref how, out made));

        public TextStream SayAsync(string text, GenerationOptions options = null, CancellationToken token = default(CancellationToken))
            => new TextStream(() => Say(text, options), token);

        public Generation Regenerate(GenerationOptions options = null)
            => new Generation(options, (ref NativeGenerationOptions how, out IntPtr made)
                => Native.plimsoll_chat_regenerate(Value, ref how, out made));

        /// <summary>[{"role": "user", "content": "..."}, ...]</summary>
        public string HistoryJson() => Ask(Native.plimsoll_chat_history_json);
    }

    public sealed class Embedder : Handle
    {
        internal Embedder(IntPtr value) : base(value) { }
        internal override IntPtr Close(IntPtr value) => Native.plimsoll_embedder_close(value);

        /// <summary>A vector for each text; with Pooling.None those of its tokens, one behind the other.</summary>
        public IReadOnlyList<float[]> Embed(IReadOnlyList<string> texts)
        {
            using (var memory = new Utf8())
            {
                PlimsollException.Check(Native.plimsoll_embedder_embed(Value, memory.List(texts), (ulong)texts.Count, IntPtr.Zero, out IntPtr embeddings));
                try
                {
                    var all = new List<float[]>();
                    for (int i = 0; i < texts.Count; ++i)
                    {
                        PlimsollException.Check(Native.plimsoll_embeddings_get(embeddings, (ulong)i, out IntPtr values, out ulong rows, out ulong width, out ulong tokens));
                        var numbers = new float[rows * width];
                        Marshal.Copy(values, numbers, 0, numbers.Length);
                        all.Add(numbers);
                    }
                    return all;
                }
                finally
                {
                    Native.plimsoll_embeddings_close(embeddings);
                }
            }
        }
    }
}
