// A sampler of one's own: a link in the chain of samplers, as LLamaSharp's ICustomSampler is.
using System;
using System.Collections;
using System.Collections.Generic;
using System.Runtime.InteropServices;

namespace Plimsoll
{
    public enum SamplerPlace
    {
        /// <summary>Behind the samplers that narrow, in front of the one that chooses: it sees what is left.</summary>
        Last,
        /// <summary>In front of all others: it sees every token as the model gave it.</summary>
        First
    }

    /// <summary>Called on the model's decode loop: of the model it may ask for Model.TextOf() and nothing else. What it
    /// throws arrives where the answer is read.</summary>
    public interface ICustomSampler
    {
        void Apply(Candidates candidates);
        /// <summary>Each token of the prompt, then each that was chosen.</summary>
        void Accept(int token);
    }

    [StructLayout(LayoutKind.Sequential)]
    public struct Candidate
    {
        public int Token;
        /// <summary>float.NegativeInfinity: forbidden.</summary>
        public float Logit;
        /// <summary>0, until a sampler has computed probabilities.</summary>
        public float P;
    }

    /// <summary>The tokens that may still be chosen; valid inside Apply().</summary>
    public sealed class Candidates : IReadOnlyList<Candidate>
    {
        private static readonly int Width = Marshal.SizeOf(typeof(Candidate));
        private NativeCandidates _native;

        internal Candidates(NativeCandidates native) { _native = native; }
        internal NativeCandidates Left => _native;

        public int Count => (int)_native.Count;
        /// <summary>By falling logit.</summary>
        public bool IsSorted => _native.Sorted != 0;

        public Candidate this[int index]
        {
            get => (Candidate)Marshal.PtrToStructure(At(index), typeof(Candidate));
            set => Marshal.StructureToPtr(value, At(index), false);
        }

        /// <summary>Leaves out what is not wanted.</summary>
        public void Keep(Predicate<Candidate> wanted)
        {
            int kept = 0;
            for (int i = 0; i < Count; ++i)
            {
                Candidate one = this[i];
                if (wanted(one)) this[kept++] = one;
            }
            _native.Count = (ulong)kept;
        }

        public void Choose(int index)
        {
            At(index);
            _native.Selected = index;
        }

        public IEnumerator<Candidate> GetEnumerator()
        {
            for (int i = 0; i < Count; ++i) yield return this[i];
        }
        IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

        private IntPtr At(int index)
        {
            if (index < 0 || index >= Count) throw new ArgumentOutOfRangeException(nameof(index));
            return IntPtr.Add(_native.List, index * Width);
        }
    }
}
