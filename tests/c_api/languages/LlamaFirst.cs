// A program that calls libllama by P/Invoke before Plimsoll: it is told what that means, and how it is mended.
using System;
using System.Runtime.InteropServices;
using Plimsoll;

internal static class LlamaFirst
{
    [DllImport("libllama.so.0")] private static extern void llama_backend_init();

    private static void Main(string[] arguments)
    {
        if (arguments.Length == 1) llama_backend_init();
        Console.WriteLine("tracker: " + Library.TrackerMode);
        Console.WriteLine("advice: " + Library.TrackerAdvice);
        try
        {
            using (new Runtime(new RuntimeOptions { RequireEnforcing = true })) Console.WriteLine("required: opened");
        }
        catch (PlimsollException error)
        {
            Console.WriteLine("required: " + error.Code);
        }
    }
}
