"""Templates with choices: "a {red|blue} {|old }boat" becomes one of its readings, picked by a seeded generator."""

import random
import re

_INNERMOST = re.compile(r"\{([^{}]*)\}")


def expand(rng: random.Random, template: str, **slots: str) -> str:
    """A choice that is only the name of a slot is replaced by the slot's value; choices may be nested."""

    def choose(match: re.Match) -> str:
        choices = match.group(1).split("|")
        if len(choices) == 1:
            return slots[choices[0]]
        return rng.choice(choices)

    while "{" in template:
        template = _INNERMOST.sub(choose, template)
    return template
