"""Placing models on a made-up cluster: time, use of the devices, and what moves after a loss, over its size."""
from measure import Run, environment, figure, program

SIZES = [(100, 10, 1), (1000, 100, 5), (10000, 1000, 50)]  # models, devices, devices that are lost
FULL, LOOSE = 1.1, 0.85  # what all models together want, of what there is
SECONDS, USED, SECONDS_AGAIN, MOVED = 1.0, 0.95, 0.2, 1.1


def measure(quick: bool):
    samples = {f"{models} models, {wanted} of the devices": Run([program("placement"), str(models), str(devices), str(lost), str(wanted)], environment()).json()
               for models, devices, lost in SIZES for wanted in (FULL, LOOSE)}
    full, loose = (samples[f"{SIZES[-1][0]} models, {wanted} of the devices"] for wanted in (FULL, LOOSE))
    growth = ", ".join(f"{samples[f'{models} models, {FULL} of the devices']['place_s'] * 1000:.1f} ms for {models}" for models, *_ in SIZES)
    figures = [figure("10,000 models placed on 1,000 devices", full["place_s"], SECONDS, "s", beside=growth),
               figure("bytes used ÷ the bound of models that may be cut", full["used_of_bound"], USED, "×", at_least=True)]
    for name, one in (("full", full), ("loose", loose)):
        figures.append(figure(f"placed anew after the loss of 50 devices, {name} cluster", one["replace_s"], SECONDS_AGAIN, "s"))
        figures.append(figure(f"bytes moved ÷ bytes that had to move, {name} cluster", one["moved"] / one["had_to_move"], MOVED, "×"))
    return figures, samples
