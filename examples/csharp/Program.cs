// A plan, its alternatives, a story streamed asynchronously, a chat and vectors: Program.exe MODEL
using System;
using System.Threading;
using System.Threading.Tasks;
using Plimsoll;

internal static class Program
{
    private static void Main(string[] arguments) => Run(arguments).GetAwaiter().GetResult();

    private static async Task Run(string[] arguments)
    {
        string path = arguments[0];
        var limits = new RuntimeOptions { Budgets = { "CPU=40MiB" } };
        using (var runtime = new Runtime(limits))
        {
            Console.WriteLine("tracker: " + Library.TrackerMode + Library.TrackerAdvice);
            var options = new ModelOptions { ContextSize = 65536, Settings = "device = \"none\"" };
            using (Plan plan = runtime.Plan(path, options))
            {
                try
                {
                    plan.Admit();
                }
                catch (PlimsollException refusal)
                {
                    Alternative nearest = plan.Alternatives()[0];
                    Console.WriteLine(refusal.Code + "; instead: " + nearest.Cost);
                    options.Overrides = nearest.Overrides;
                }
            }

            options.LoadProgress = share => throw new InvalidOperationException("over board");
            Console.WriteLine("thrown while loading: " + MessageOf(() => runtime.Open(path, options)));
            int told = 0;
            options.LoadProgress = share => ++told;
            using (Model model = await runtime.OpenAsync(path, options))
            {
                Console.WriteLine("told of loading: " + (told > 0));
                var greedy = new GenerationOptions { Predict = 60, Temperature = 0 };
                TextStream.Enumerator story = model.GenerateAsync("Day 12.", greedy).GetAsyncEnumerator();
                while (await story.MoveNextAsync()) Console.Write(story.Current);
                Console.WriteLine("\nended by: " + story.FinishReason);
                await story.DisposeAsync();

                using (Chat chat = model.Chat(form: ChatForm.RoleNames))
                {
                    string answer = await chat.SayAsync("How is the wind?", new GenerationOptions { Predict = 20 }).ReadAllAsync();
                    Console.WriteLine("answered: " + (answer.Length > 0));
                }
                var sampler = new WithoutE(model);
                string other = model.Generate("Day 12.", new GenerationOptions { Predict = 40, Temperature = 0, Sampler = sampler, SamplerPlace = SamplerPlace.First }).ReadAll();
                Console.WriteLine("without an e: " + (other.Length > 0 && other.IndexOfAny(new[] { 'e', 'E' }) < 0) + ", told of tokens: " + (sampler.Accepted > 40));
                await Misuse(model);
                model.Dispose();
                Console.WriteLine("after the end: " + MessageOf(() => model.Json()));
            }
            using (Embedder embedder = runtime.OpenEmbedder(path, new ModelOptions { ContextSize = 256, Settings = "device = \"none\"" }, Pooling.Mean))
                Console.WriteLine("numbers of a vector: " + embedder.Embed(new[] { "The wind is fair.", "Day 12." })[1].Length);
        }
    }

    // A sampler of one's own: text without the letter e.
    private class WithoutE : ICustomSampler
    {
        private readonly Model _model;
        internal int Accepted;

        internal WithoutE(Model model) { _model = model; }
        public virtual void Apply(Candidates candidates) => candidates.Keep(one => _model.TextOf(one.Token).IndexOfAny(new[] { 'e', 'E' }) < 0);
        public void Accept(int token) => ++Accepted;
    }

    private sealed class Throws : WithoutE
    {
        internal Throws() : base(null) { }
        public override void Apply(Candidates candidates) => throw new InvalidOperationException("out of the chain");
    }

    private sealed class KeepsNothing : WithoutE
    {
        internal KeepsNothing() : base(null) { }
        public override void Apply(Candidates candidates) => candidates.Keep(one => false);
    }

    // Cancelling, and exceptions in callbacks: nothing of that ends the process.
    private static async Task Misuse(Model model)
    {
        var source = new CancellationTokenSource();
        TextStream.Enumerator story = model.GenerateAsync("Day 12.", new GenerationOptions { Predict = -1 }, source.Token).GetAsyncEnumerator();
        try
        {
            while (await story.MoveNextAsync()) source.Cancel();
            Console.WriteLine("not cancelled");
        }
        catch (OperationCanceledException)
        {
            Console.WriteLine("cancelled");
        }
        await story.DisposeAsync();

        var overboard = new GenerationOptions { PromptProgress = (done, of) => throw new InvalidOperationException("over board") };
        Console.WriteLine("thrown in a callback: " + MessageOf(() => model.Generate("Day 12.", overboard).ReadAll()));
        Console.WriteLine("thrown in a sampler: " + MessageOf(() => model.Generate("Day 12.", new GenerationOptions { Sampler = new Throws() }).ReadAll()));
        Console.WriteLine("a sampler that keeps nothing: " + MessageOf(() => model.Generate("Day 12.", new GenerationOptions { Sampler = new KeepsNothing() }).ReadAll()));
        Console.WriteLine("wrong settings: " + MessageOf(() => model.Generate("Day 12.", new GenerationOptions { Sampling = "{" })));
    }

    private static string MessageOf(Action action)
    {
        try
        {
            action();
            return "nothing";
        }
        catch (Exception error)
        {
            return error.GetType().Name + ": " + error.Message;
        }
    }
}
