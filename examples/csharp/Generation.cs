// An answer on its way: read piece by piece, at once or asynchronously.
using System;
using System.Collections;
using System.Collections.Generic;
using System.Runtime.InteropServices;
using System.Text;
using System.Threading;
using System.Threading.Tasks;

namespace Plimsoll
{
    /// <summary>
    /// Enumerating and ReadAll() dispose of it when they end, however they end; who calls Next() does so alone. What was
    /// generated stays in its chat either way.
    /// </summary>
    public sealed class Generation : Handle, IEnumerable<string>
    {
        internal delegate IntPtr Begins(ref NativeGenerationOptions options, out IntPtr generation);

        private readonly AskedGeneration _asked;  // its callback lives as long as the library may call it

        internal Generation(GenerationOptions options, Begins begin) : this(new AskedGeneration(options), begin) { }
        private Generation(AskedGeneration asked, Begins begin) : base(asked.Begin(begin)) { _asked = asked; }
        internal override IntPtr Close(IntPtr value) => Native.plimsoll_generation_close(value);

        /// <summary>The next piece of text; null at the end. What PromptProgress throws arrives here.</summary>
        public string Next()
        {
            IntPtr error = Native.plimsoll_generation_next(Value, out IntPtr piece, out ulong length);
            _asked.Callbacks.Rethrow(error);
            PlimsollException.Check(error);
            string text = piece == IntPtr.Zero ? null : Utf8.Read(piece, (int)length);
            _asked.KeepAlive();
            GC.KeepAlive(this);
            return text;
        }

        public string ReadAll()
        {
            var all = new StringBuilder();
            foreach (string piece in this) all.Append(piece);
            return all.ToString();
        }

        /// <summary>Ends it with FinishReason.Cancelled; from any thread.</summary>
        public void Stop() => PlimsollException.Check(Native.plimsoll_generation_stop(Value));

        /// <summary>Also once it was enumerated.</summary>
        public FinishReason FinishReason => (FinishReason)Info().FinishReason;
        public int GeneratedTokens => Info().GeneratedTokens;

        private NativeGenerationInfo? _last;

        private NativeGenerationInfo Info()
        {
            if (_last.HasValue) return _last.Value;
            var info = new NativeGenerationInfo();
            info.Size = (uint)Marshal.SizeOf(info);
            PlimsollException.Check(Native.plimsoll_generation_info_get(Value, ref info));
            return info;
        }

        public IEnumerator<string> GetEnumerator()
        {
            try
            {
                for (string piece = Next(); piece != null; piece = Next()) yield return piece;
            }
            finally
            {
                if (!IsReleased) _last = Info();
                Dispose();
            }
        }
        IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
    }

    /// <summary>
    /// Pieces of text without a thread of the caller's: `await foreach` takes it from C# 8 on; before that
    /// `while (await stream.MoveNextAsync()) Use(stream.Current);`. Cancelling ends it with OperationCanceledException.
    /// </summary>
    public sealed class TextStream
    {
        private readonly Func<Generation> _begin;
        private readonly CancellationToken _token;

        internal TextStream(Func<Generation> begin, CancellationToken token)
        {
            _begin = begin;
            _token = token;
        }

        public Enumerator GetAsyncEnumerator(CancellationToken token = default(CancellationToken))
            => new Enumerator(_begin, CancellationTokenSource.CreateLinkedTokenSource(_token, token));

        public async Task<string> ReadAllAsync()
        {
            var all = new StringBuilder();
            Enumerator pieces = GetAsyncEnumerator();
            try
            {
                while (await pieces.MoveNextAsync().ConfigureAwait(false)) all.Append(pieces.Current);
            }
            finally
            {
                await pieces.DisposeAsync().ConfigureAwait(false);
            }
            return all.ToString();
        }

        public sealed class Enumerator
        {
            private readonly Func<Generation> _begin;
            private readonly CancellationTokenSource _source;
            private Generation _generation;
            private CancellationTokenRegistration _registration;

            internal Enumerator(Func<Generation> begin, CancellationTokenSource source)
            {
                _begin = begin;
                _source = source;
            }

            public string Current { get; private set; }
            /// <summary>Until it is disposed of.</summary>
            public FinishReason FinishReason => _generation.FinishReason;

            public Task<bool> MoveNextAsync() => Task.Run(() =>
            {
                CancellationToken token = _source.Token;
                token.ThrowIfCancellationRequested();
                if (_generation == null)
                {
                    _generation = _begin();
                    _registration = token.Register(_generation.Stop);
                }
                Current = _generation.Next();
                token.ThrowIfCancellationRequested();
                return Current != null;
            });

            public Task DisposeAsync() => Task.Run(() =>
            {
                _registration.Dispose();
                _generation?.Dispose();
                _source.Dispose();
            });
        }
    }
}
