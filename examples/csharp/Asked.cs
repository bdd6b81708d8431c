// Options as the library reads them: texts in unmanaged memory, and callbacks that let no exception into C.
using System;
using System.Collections.Generic;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using System.Text;
using System.Threading;

namespace Plimsoll
{
    /// <summary>Texts as UTF-8, with a NUL byte behind them, until it is disposed of.</summary>
    internal sealed class Utf8 : IDisposable
    {
        private readonly List<IntPtr> _blocks = new List<IntPtr>();

        internal static byte[] Bytes(string text) => text == null ? null : Encoding.UTF8.GetBytes(text + "\0");

        internal static string Read(IntPtr text)
        {
            if (text == IntPtr.Zero) return null;
            int length = 0;
            while (Marshal.ReadByte(text, length) != 0) ++length;
            return Read(text, length);
        }

        internal static string Read(IntPtr text, int length)
        {
            var bytes = new byte[length];
            Marshal.Copy(text, bytes, 0, length);
            return Encoding.UTF8.GetString(bytes);
        }

        internal IntPtr Text(string text)
        {
            if (text == null) return IntPtr.Zero;
            byte[] bytes = Bytes(text);
            IntPtr block = Block(bytes.Length);
            Marshal.Copy(bytes, 0, block, bytes.Length);
            return block;
        }

        internal IntPtr List(IReadOnlyList<string> texts)
        {
            if (texts.Count == 0) return IntPtr.Zero;
            IntPtr block = Block(texts.Count * IntPtr.Size);
            for (int i = 0; i < texts.Count; ++i) Marshal.WriteIntPtr(block, i * IntPtr.Size, Text(texts[i]));
            return block;
        }

        public void Dispose()
        {
            foreach (IntPtr block in _blocks) Marshal.FreeHGlobal(block);
            _blocks.Clear();
        }

        private IntPtr Block(int bytes)
        {
            IntPtr block = Marshal.AllocHGlobal(bytes);
            _blocks.Add(block);
            return block;
        }
    }

    /// <summary>What callbacks throw is kept, ends the work, and is thrown once the call has returned.</summary>
    internal sealed class Callbacks
    {
        private ExceptionDispatchInfo _thrown;

        internal int Run(Action callback)
        {
            try
            {
                callback();
                return 0;
            }
            catch (Exception error)
            {
                _thrown = ExceptionDispatchInfo.Capture(error);
                return 1;
            }
        }

        internal void Rethrow(IntPtr error)
        {
            ExceptionDispatchInfo thrown = Interlocked.Exchange(ref _thrown, null);
            if (thrown == null) return;
            Native.plimsoll_error_free(error);
            thrown.Throw();
        }
    }

    internal sealed class AskedModel : IDisposable
    {
        internal NativeModelOptions Options;
        private readonly Utf8 _memory = new Utf8();
        private readonly Callbacks _callbacks = new Callbacks();
        private readonly CancellationToken _token;
        private readonly CancellationTokenRegistration _registration;
        private readonly IntPtr _stop;

        internal AskedModel(ModelOptions from, CancellationToken token)
        {
            from = from ?? new ModelOptions();
            PlimsollException.Check(Native.plimsoll_model_options_init(ref Options, (UIntPtr)Marshal.SizeOf(Options)));
            Options.Name = _memory.Text(from.Name);
            Options.ContextSize = from.ContextSize ?? Options.ContextSize;
            Options.Sequences = from.Sequences ?? Options.Sequences;
            Options.GpuLayers = from.GpuLayers ?? Options.GpuLayers;
            Options.Threads = from.Threads ?? Options.Threads;
            Options.WarmUp = (int)from.WarmUp;
            Options.Settings = _memory.Text(from.Settings);
            Options.Overrides = _memory.Text(from.Overrides);
            Options.Draft = _memory.Text(from.Draft);
            if (from.LoadProgress != null) Options.LoadProgress = (data, share) => _callbacks.Run(() => from.LoadProgress(share));
            PlimsollException.Check(Native.plimsoll_stop_create(out _stop));
            Options.Stop = _stop;
            _token = token;
            IntPtr stop = _stop;
            _registration = token.Register(() => Native.plimsoll_stop_request(stop));
        }

        internal void Check(IntPtr error)
        {
            _callbacks.Rethrow(error);
            if (error != IntPtr.Zero && _token.IsCancellationRequested)
            {
                Native.plimsoll_error_free(error);
                throw new OperationCanceledException(_token);
            }
            PlimsollException.Check(error);
        }

        public void Dispose()
        {
            _registration.Dispose();
            Native.plimsoll_stop_close(_stop);
            _memory.Dispose();
            GC.KeepAlive(Options.LoadProgress);
        }
    }

    internal sealed class AskedGeneration
    {
        internal readonly Callbacks Callbacks = new Callbacks();
        private readonly GenerationOptions _from;
        private CountFunction _progress;  // the library calls these in each Next()
        private SampleFunction _sample;
        private AcceptFunction _accept;

        internal AskedGeneration(GenerationOptions from) { _from = from ?? new GenerationOptions(); }

        internal void KeepAlive()
        {
            GC.KeepAlive(_progress);
            GC.KeepAlive(_sample);
            GC.KeepAlive(_accept);
        }

        private int Apply(ref NativeCandidates native)
        {
            var candidates = new Candidates(native);
            int ended = Callbacks.Run(() => _from.Sampler.Apply(candidates));
            if (ended == 0) native = candidates.Left;
            return ended;
        }

        internal IntPtr Begin(Generation.Begins begin)
        {
            using (var memory = new Utf8())
            {
                var options = new NativeGenerationOptions();
                PlimsollException.Check(Native.plimsoll_generation_options_init(ref options, (UIntPtr)Marshal.SizeOf(options)));
                options.Predict = _from.Predict;
                options.Temperature = _from.Temperature ?? options.Temperature;
                options.TopK = _from.TopK ?? options.TopK;
                options.TopP = _from.TopP ?? options.TopP;
                options.MinP = _from.MinP ?? options.MinP;
                options.Seed = _from.Seed ?? options.Seed;
                options.StopStrings = memory.List(_from.StopStrings);
                options.StopStringCount = (ulong)_from.StopStrings.Count;
                options.Grammar = memory.Text(_from.Grammar);
                options.JsonSchema = memory.Text(_from.JsonSchema);
                options.Sampling = memory.Text(_from.Sampling);
                options.PatienceMs = (long)_from.Patience.TotalMilliseconds;
                if (_from.PromptProgress != null)
                    options.PromptProgress = _progress = (data, done, of) => Callbacks.Run(() => _from.PromptProgress(done, of));
                if (_from.Sampler != null)
                {
                    options.Sample = _sample = (IntPtr data, ref NativeCandidates candidates) => Apply(ref candidates);
                    options.Accept = _accept = (data, token) => Callbacks.Run(() => _from.Sampler.Accept(token));
                    options.SamplerPlace = (int)_from.SamplerPlace;
                }
                PlimsollException.Check(begin(ref options, out IntPtr generation));
                return generation;
            }
        }
    }
}
