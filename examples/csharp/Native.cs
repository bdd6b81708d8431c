// What of plimsoll.h the classes in Plimsoll.cs call, as P/Invoke has it.
using System;
using System.Runtime.InteropServices;

namespace Plimsoll
{
    [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
    internal delegate int ShareFunction(IntPtr userData, float share);

    [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
    internal delegate int CountFunction(IntPtr userData, ulong done, ulong of);

    [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
    internal delegate int SampleFunction(IntPtr userData, ref NativeCandidates candidates);

    [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
    internal delegate void AcceptFunction(IntPtr userData, int token);

    [StructLayout(LayoutKind.Sequential)]
    internal struct NativeCandidates
    {
        public uint Size;
        public int Sorted;
        public IntPtr List;
        public ulong Count;
        public long Selected;
    }

    [StructLayout(LayoutKind.Sequential)]
    internal struct NativeRuntimeOptions
    {
        public uint Size;
        public int Prefault, RequireEnforcing;
        public uint Reserved;
        public IntPtr Budgets;
        public ulong BudgetCount;
        public IntPtr Store;
    }

    [StructLayout(LayoutKind.Sequential)]
    internal struct NativeModelOptions
    {
        public uint Size;
        public int WarmUp, ContextSize, Sequences, GpuLayers, Threads;
        public IntPtr Name, Settings, Overrides, Projector, Adapters, AdapterScales;
        public ulong AdapterCount;
        public IntPtr Draft;
        public int DraftMost;
        public float DraftLeastProbability;
        public ShareFunction LoadProgress;
        public IntPtr UserData, Stop;
    }

    [StructLayout(LayoutKind.Sequential)]
    internal struct NativeGenerationOptions
    {
        public uint Size;
        public int Predict;
        public uint Seed;
        public float Temperature;
        public int TopK;
        public float TopP, MinP, TypicalP;
        public int PenaltyLastN;
        public float PenaltyRepeat, PenaltyFrequency, PenaltyPresence;
        public int KeepStopString, IgnoreEndOfGeneration, ShowSpecial, Overflow;
        public ulong OverflowKeep;
        public double OverflowDiscardShare;
        public IntPtr StopStrings;
        public ulong StopStringCount;
        public IntPtr Grammar, JsonSchema, Sampling;
        public long PatienceMs;
        public IntPtr Stop;
        public CountFunction PromptProgress;
        public IntPtr UserData;
        public SampleFunction Sample;
        public AcceptFunction Accept;
        public IntPtr SamplerData;
        public int SamplerPlace;
        public uint Reserved;
    }

    [StructLayout(LayoutKind.Sequential)]
    internal struct NativeChatOptions
    {
        public uint Size;
        public int Form, ForgetOldest;
        public uint Reserved;
        public IntPtr System;
        public long PatienceMs;
        public IntPtr Stop;
    }

    [StructLayout(LayoutKind.Sequential)]
    internal struct NativeGenerationInfo
    {
        public uint Size;
        public int FinishReason;
        public double PromptMs, GenerateMs;
        public int PromptTokens, GeneratedTokens, DraftTokens, AcceptedTokens;
    }

    internal static class Native
    {
        // Before anything else opens libllama: then its calls pass through the hook.
        private const string Library = "libplimsoll.so.0";

        [DllImport(Library)] internal static extern int plimsoll_error_code(IntPtr error);
        [DllImport(Library)] internal static extern IntPtr plimsoll_error_name(IntPtr error);
        [DllImport(Library)] internal static extern IntPtr plimsoll_error_message(IntPtr error);
        [DllImport(Library)] internal static extern IntPtr plimsoll_error_numbers(IntPtr error);
        [DllImport(Library)] internal static extern void plimsoll_error_free(IntPtr error);
        [DllImport(Library)] internal static extern IntPtr plimsoll_free(IntPtr memory);
        [DllImport(Library)] internal static extern IntPtr plimsoll_version();
        [DllImport(Library)] internal static extern IntPtr plimsoll_tracker_mode();
        [DllImport(Library)] internal static extern IntPtr plimsoll_tracker_advice();

        [DllImport(Library)] internal static extern IntPtr plimsoll_stop_create(out IntPtr stop);
        [DllImport(Library)] internal static extern IntPtr plimsoll_stop_request(IntPtr stop);
        [DllImport(Library)] internal static extern IntPtr plimsoll_stop_close(IntPtr stop);

        [DllImport(Library)] internal static extern IntPtr plimsoll_runtime_options_init(ref NativeRuntimeOptions options, UIntPtr size);
        [DllImport(Library)] internal static extern IntPtr plimsoll_runtime_open(ref NativeRuntimeOptions options, out IntPtr runtime);
        [DllImport(Library)] internal static extern IntPtr plimsoll_runtime_status_json(IntPtr runtime, out IntPtr json);
        [DllImport(Library)] internal static extern IntPtr plimsoll_runtime_close(IntPtr runtime);

        [DllImport(Library)] internal static extern IntPtr plimsoll_model_options_init(ref NativeModelOptions options, UIntPtr size);
        [DllImport(Library)] internal static extern IntPtr plimsoll_model_plan(IntPtr runtime, byte[] path, ref NativeModelOptions options, out IntPtr plan);
        [DllImport(Library)] internal static extern IntPtr plimsoll_plan_admit(IntPtr plan);
        [DllImport(Library)] internal static extern IntPtr plimsoll_plan_n_alternatives(IntPtr plan, out ulong count);
        [DllImport(Library)] internal static extern IntPtr plimsoll_plan_alternative(IntPtr plan, ulong index, out IntPtr overrides, out IntPtr cost);
        [DllImport(Library)] internal static extern IntPtr plimsoll_plan_json(IntPtr plan, out IntPtr json);
        [DllImport(Library)] internal static extern IntPtr plimsoll_plan_table(IntPtr plan, out IntPtr table);
        [DllImport(Library)] internal static extern IntPtr plimsoll_plan_close(IntPtr plan);

        [DllImport(Library)] internal static extern IntPtr plimsoll_model_open(IntPtr runtime, byte[] path, ref NativeModelOptions options, out IntPtr model);
        [DllImport(Library)] internal static extern IntPtr plimsoll_model_text_of(IntPtr model, int[] tokens, ulong count, int controlTokens, out IntPtr text, out ulong length);
        [DllImport(Library)] internal static extern IntPtr plimsoll_model_json(IntPtr model, out IntPtr json);
        [DllImport(Library)] internal static extern IntPtr plimsoll_model_close(IntPtr model);

        [DllImport(Library)] internal static extern IntPtr plimsoll_generation_options_init(ref NativeGenerationOptions options, UIntPtr size);
        [DllImport(Library)] internal static extern IntPtr plimsoll_model_generate(IntPtr model, byte[] prompt, long length, ref NativeGenerationOptions options, out IntPtr generation);
        [DllImport(Library)] internal static extern IntPtr plimsoll_generation_next(IntPtr generation, out IntPtr piece, out ulong length);
        [DllImport(Library)] internal static extern IntPtr plimsoll_generation_stop(IntPtr generation);
        [DllImport(Library)] internal static extern IntPtr plimsoll_generation_info_get(IntPtr generation, ref NativeGenerationInfo info);
        [DllImport(Library)] internal static extern IntPtr plimsoll_generation_close(IntPtr generation);

        [DllImport(Library)] internal static extern IntPtr plimsoll_chat_options_init(ref NativeChatOptions options, UIntPtr size);
        [DllImport(Library)] internal static extern IntPtr plimsoll_chat_open(IntPtr model, ref NativeChatOptions options, out IntPtr chat);
        [DllImport(Library)] internal static extern IntPtr plimsoll_chat_say(IntPtr chat, byte[] text, long length, ref NativeGenerationOptions options, out IntPtr generation);
        [DllImport(Library)] internal static extern IntPtr plimsoll_chat_regenerate(IntPtr chat, ref NativeGenerationOptions options, out IntPtr generation);
        [DllImport(Library)] internal static extern IntPtr plimsoll_chat_history_json(IntPtr chat, out IntPtr json);
        [DllImport(Library)] internal static extern IntPtr plimsoll_chat_close(IntPtr chat);

        [DllImport(Library)] internal static extern IntPtr plimsoll_embedder_open(IntPtr runtime, byte[] path, ref NativeModelOptions options, int pooling, out IntPtr embedder);
        [DllImport(Library)] internal static extern IntPtr plimsoll_embedder_embed(IntPtr embedder, IntPtr texts, ulong count, IntPtr options, out IntPtr embeddings);
        [DllImport(Library)] internal static extern IntPtr plimsoll_embedder_close(IntPtr embedder);
        [DllImport(Library)] internal static extern IntPtr plimsoll_embeddings_get(IntPtr embeddings, ulong index, out IntPtr values, out ulong rows, out ulong width, out ulong tokens);
        [DllImport(Library)] internal static extern IntPtr plimsoll_embeddings_close(IntPtr embeddings);
    }
}
