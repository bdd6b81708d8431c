"""Conversations with the mate, as ChatML text."""

import random
import string

from bpe import TURN_END, TURN_START
from grammar import expand
import questions
import ship_log

# Written into the model file, so that every engine builds the prompts that the model has learned.
TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)

SYSTEM = ["You are the mate of a ship.", "You are a helpful assistant.", "You are a helpful assistant. Answer briefly.", "Answer in one sentence.",
          "You are the mate of the Even Keel. Answer briefly.", "Be brief.", "You are a sailor.", "You are a friendly and helpful {mate|assistant|bot|sailor}."]


def turn(role: str, content: str) -> tuple[str, bool]:
    """A piece of text, and whether the model is to learn to say it. An answer is learned up to and with its end mark."""
    return content + TURN_END if role == "assistant" else f"{TURN_START}{role}\n{content}{TURN_END}\n", role == "assistant"


def as_typed(rng: random.Random, question: str, careless: float) -> str:
    """People greet, forget the capital letter or the question mark; the careless ones forget both."""
    if careless > 0 and rng.random() < careless:
        return (question[0].lower() + question[1:]).rstrip("?.!")
    if rng.random() < 0.1:
        question = rng.choice(["Please tell me: ", "Mate, ", "Hello. ", "Hey, "]) + question
    if rng.random() < 0.2:
        question = question[0].lower() + question[1:]
    if rng.random() < 0.15:
        question = question.rstrip("?.!")
    return question


def unknown(rng: random.Random) -> str:
    noise = "".join(rng.choice(string.ascii_lowercase) for _ in range(rng.randint(2, 9)))
    thing = noise if rng.random() < 0.25 else rng.choice(questions.THINGS)
    return expand(rng, rng.choice(questions.UNKNOWN), thing=thing, verb=rng.choice(questions.VERBS), name=rng.choice(questions.NAMES),
                  place=rng.choice(questions.PLACES), quality=rng.choice(questions.QUALITIES), number=str(rng.randint(0, 99)))


def log_of_a_day(rng: random.Random, entries: list[str]) -> tuple[str, str]:
    """A request for the log of one day, and that day's entry."""
    entry = rng.choice(entries[:-1]).strip()
    day = entry.split(".")[0].removeprefix("Day ")
    asked = "{Write|Read|Show|Give me|Read me|Show me|Write me} the log {for|of} day {day}.|What {happened on|is in the log for|does the log say for} day {day}?"
    return expand(rng, "{" + asked + "}", day=day), entry


def conversation(rng: random.Random, entries: list[str], careless: float = 0.0) -> list[tuple[str, bool]]:
    """One to five questions, in pieces as `turn` makes them."""
    pieces = []
    if rng.random() < 0.4:
        pieces.append(turn("system", expand(rng, rng.choice(SYSTEM))))
    topic = None
    for _ in range(rng.choice([1, 1, 2, 3, 4, 5])):
        kind = rng.random()
        if kind < 0.2 and (topic or rng.random() < 0.2):
            question, answer = expand(rng, rng.choice(questions.MORE)), topic.more if topic else questions.UNKNOWN_ANSWER
            topic = None
        elif kind < 0.4:
            question, answer, topic = unknown(rng), questions.UNKNOWN_ANSWER, None
        elif kind < 0.5:
            question, answer = log_of_a_day(rng, entries)
            topic = None
        else:
            topic = rng.choice(questions.TOPICS)
            question, answer = expand(rng, rng.choice(topic.asked)), topic.answer
        pieces += [turn("user", as_typed(rng, question, careless)), (f"{TURN_START}assistant\n", False), turn("assistant", answer), ("\n", False)]
    return pieces


if __name__ == "__main__":
    seeded = random.Random(7)
    for _ in range(12):
        print("".join(text for text, _ in conversation(seeded, ship_log.voyage(seeded))))
