"""The log of an invented ship: numbered days of weather, a story that runs over several days, and one of the crew's duties.

Weather, stories and duties each go round in a circle, with jumps. So a small model can learn what comes next, and its most
likely text still changes from day to day.
"""

import random

from grammar import expand

WEATHER = [
    "Wind west, force 4. Clear sky and a moderate sea.",
    "Wind west, force 5. The sea is rising.",
    "Wind south-west, force 6. Grey sky and heavy rain.",
    "Gale from the south-west, force 8. Seas break over the deck.",
    "Gale from the west, force 9. We heave to under storm sails.",
    "Wind north-west, force 7. The gale is going down.",
    "Wind north-west, force 5. Showers and a long swell.",
    "Wind north, force 4. The sky is clearing.",
    "Wind north, force 3. A fine day and a smooth sea.",
    "Wind north-east, force 2. Light airs and sunshine.",
    "Calm. The sails hang still and the sea is like glass.",
    "Fog and no wind. We sound the bell every two minutes.",
    "Wind east, force 2. The fog lifts at noon.",
    "Wind south-east, force 3. Warm and hazy.",
    "Wind south, force 4. Fair weather and a following sea.",
    "Wind south-west, force 4. High clouds and a steady glass.",
]

# Each story is told one sentence a day. The names in it are drawn once and stay.
STORIES = [
    ["Sighted a sail to the {point}.", "The sail comes up with us. She is the {ship}, bound for {port}.",
     "The {ship} sends over letters and fresh bread.", "The {ship} is out of sight by noon."],
    ["Found water in the fore hold.", "The pumps are manned all day. The leak is behind the {cargo}.",
     "The carpenter stops the leak with oakum and tar."],
    ["{sailor} fell from the ladder and hurt his knee.", "{sailor} rests below and mends nets.",
     "{sailor} is on his feet again and takes the wheel."],
    ["The main topsail split from head to foot.", "The sailmaker and {sailor} sew a new cloth into the topsail.",
     "The topsail is bent again and draws well."],
    ["Whales blowing off the {point} side of the ship.", "The whales are still with us. {sailor} draws them in his book.",
     "The whales have left us."],
    ["The cargo of {cargo} has shifted to port.", "All hands in the hold to trim the {cargo}.",
     "The ship is upright again and steers easily."],
    ["The fresh water tastes of iron.", "The captain orders two quarts a day for each man.",
     "Heavy rain at last. We fill every cask on deck."],
    ["A swallow came on board and sat on the wheel box.", "{sailor} feeds the swallow with crumbs.",
     "The swallow flew off to the {point} at dawn."],
    ["Land in sight to the {point}.", "We sound every hour. Sand and shells at 20 fathoms.",
     "The pilot came on board and we anchored off {port}.", "Took in water and {fruit} at {port}, and weighed anchor."],
    ["The draught is one inch more than the book says.", "We sound the holds and find them dry.",
     "The captain finds that the boats were full of rain. The draught is right again."],
    ["The cat has hidden from the cook.", "The cat was found asleep in the {cargo}.",
     "The cat has three kittens. The cook calls it a miracle."],
    ["Shoals of herring all round the ship.", "{sailor} caught two buckets of herring. Fish for all hands.",
     "The last of the herring is salted and stowed."],
    ["The chronometer has stopped.", "The captain takes the time from the moon.",
     "{sailor} found a crumb of biscuit in the chronometer. It goes again."],
    ["A strange light to the {point} in the first watch.", "The light was a fisherman from {port}. He sold us {fruit}.",
     "The {fruit} was shared out after supper."],
    ["The cook burnt the beans.", "The cook burnt the soup.", "{sailor} cooks today and nobody complains."],
    ["The load line is under water on the port side.", "We move twenty tons of {cargo} to starboard.",
     "The load line is dry on both sides."],
    ["Ice seen to the {point}.", "Doubled the lookout. {sailor} counts nine bergs.", "The sea is clear of ice."],
    ["{sailor} has a birthday today.", "The cook made a pudding for {sailor}.", "{sailor} sang all evening in the dog watch."],
]

DUTIES = [
    "Washed the decks.",
    "Sounded the holds: all dry.",
    "Read the draught: {12|13|14} feet forward, {14|15|16} feet aft.",
    "Painted the boats.",
    "The hands mend sails.",
    "Ran {90|100|110|120|130|140|150} miles since noon.",
    "Checked the lashings of the cargo.",
    "Pumped ship for ten minutes.",
    "Served out lime juice.",
    "Oiled the wheel and the blocks.",
    "Aired the hold.",
    "The captain read the rules to the crew.",
    "Tarred the rigging.",
    "Boat drill in the afternoon.",
    "Wrote up the cargo book.",
    "All well on board.",
]

SAILORS = ["Tom", "Jack", "Will", "Ned", "Peter", "Sam", "Harry", "Ben"]
SHIPS = ["Hope", "Star", "Mary Ann", "Good Intent", "Swan", "Providence"]
PORTS = ["Lisbon", "Cadiz", "Bergen", "Hamburg", "Bristol", "Cork", "Malta"]
POINTS = ["north", "south", "east", "west"]
FRUIT = ["oranges", "lemons", "apples", "onions"]
CARGO = ["coal", "timber", "grain", "salt", "slate", "wool"]


class Circle:
    """Steps to the next of `size` places, and now and then jumps anywhere."""

    def __init__(self, rng: random.Random, size: int, jump: float):
        self._rng, self._size, self._jump = rng, size, jump
        self._at = rng.randrange(size)

    def next(self) -> int:
        jumps = self._rng.random() < self._jump
        self._at = self._rng.randrange(self._size) if jumps else (self._at + 1) % self._size
        return self._at


class Stories:
    """The sentence of the day, from stories told one after the other."""

    def __init__(self, rng: random.Random, cargo: str):
        self._rng, self._cargo = rng, cargo
        self._circle = Circle(rng, len(STORIES), jump=0.3)
        self._left: list[str] = []

    def next(self) -> str:
        if not self._left:
            names = {"sailor": SAILORS, "ship": SHIPS, "port": PORTS, "point": POINTS, "fruit": FRUIT}
            drawn = {name: self._rng.choice(values) for name, values in names.items()}
            story = STORIES[self._circle.next()]
            self._left = [expand(self._rng, step, cargo=self._cargo, **drawn) for step in story]
        return self._left.pop(0)


def voyage(rng: random.Random) -> list[str]:
    """The entries of one voyage, one a day, each ending with a newline."""
    weather, duties = Circle(rng, len(WEATHER), jump=0.2), Circle(rng, len(DUTIES), jump=0.2)
    stories = Stories(rng, rng.choice(CARGO))
    days = rng.randint(60, 110)
    entries = []
    for day in range(1, days):
        parts = [f"Day {day}.", WEATHER[weather.next()], stories.next(), expand(rng, DUTIES[duties.next()])]
        entries.append(" ".join(parts) + "\n")
    entries.append(f"Day {days}. {WEATHER[weather.next()]} We make fast to the quay. The voyage is over.\n")
    return entries


if __name__ == "__main__":
    print("".join(voyage(random.Random(12))[11:31]), end="")
