"""Captions: the words for a scene.

Each class has several ways of being said; order, number, side and loudness are worded only where the scene
was made with them, so that a caption never promises what is not there.
"""

from __future__ import annotations

from numpy.random import Generator as Rng

from evalkit.mini.recordings.scenes import Event, Scene

_NOUN = {
    "baby_cry": ("a baby crying", "an infant crying", "a crying baby", "a baby wailing"),
    "chainsaw": ("a chainsaw", "a chainsaw running", "a chainsaw cutting wood", "a revving chainsaw"),
    "clock_tick": ("a clock ticking", "a ticking clock", "the tick of a clock", "a clock ticking steadily"),
    "dog_bark": ("a dog barking", "a barking dog", "dog barks", "a dog bark"),
    "fire_crackling": ("a crackling fire", "fire crackling", "a campfire crackling", "a fire burning"),
    "helicopter": ("a helicopter", "a helicopter flying", "helicopter rotors", "a helicopter overhead"),
    "person_sneeze": ("a person sneezing", "a sneeze", "someone sneezing", "a person sneezes"),
    "rain": ("rain", "rain falling", "heavy rain", "rainfall"),
    "rooster": ("a rooster crowing", "a rooster", "a cock crowing", "a crowing rooster"),
    "sea_waves": ("sea waves", "ocean waves", "waves on a beach", "waves breaking on the shore"),
}

_COUNTED = {
    "dog_bark": ("a dog barks {times}", "a dog barking {times}"),
    "person_sneeze": ("a person sneezes {times}", "someone sneezes {times}"),
    "rooster": ("a rooster crows {times}", "a rooster crowing {times}"),
}

_TIMES = {1: ("once",), 2: ("twice", "two times"), 3: ("three times",)}
_WITH = ("{a} and {b}", "{a} with {b}", "{a} while there is {b}", "{a} over {b}", "{b} in the background of {a}")
_THEN = ("{a}, then {b}", "{a} followed by {b}", "first {a}, then {b}", "{a} and then {b}")
_LOUD = {"loud": ("loud {x}", "{x}, loud", "{x}, very close"), "faint": ("faint {x}", "{x}, faint", "{x} far away")}
_SIDE = ("{x} on the {side}", "{x} from the {side}", "{x} on the {side} side")


def caption(scene: Scene, rng: Rng) -> str:
    """One of the many captions of a scene, in lower or sentence case."""
    parts = [phrase(event, rng) for event in scene.events]
    if scene.relation == "alone":
        text = parts[0]
        if rng.random() < 0.15:
            text = _choose(rng, ("the sound of {x}", "a recording of {x}", "we hear {x}")).format(x=text)
    else:
        forms = _WITH if scene.relation == "with" else _THEN
        text = _choose(rng, forms).format(a=parts[0], b=parts[1])
    return text[0].upper() + text[1:] if rng.random() < 0.5 else text


def phrase(event: Event, rng: Rng) -> str:
    """The words for one event of a scene."""
    sound = event.recording.sound
    if (sound in _COUNTED and event.count > 1) or (sound in _COUNTED and rng.random() < 0.15):
        text = _choose(rng, _COUNTED[sound]).format(times=_choose(rng, _TIMES[event.count]))
    else:
        text = _choose(rng, _NOUN[sound])
    if event.loudness:
        form = _choose(rng, _LOUD[event.loudness])
        bare = text[2:] if form.startswith(("loud", "faint")) and text.startswith("a ") else text
        article = "a " if bare is not text else ""
        text = article + form.format(x=bare)
    if event.side:
        text = _choose(rng, _SIDE).format(x=text, side=event.side)
    return text


def class_caption(sound: str) -> str:
    """The plain caption of one class, used to ask a text tower for it."""
    return _NOUN[sound][0]


def _choose(rng: Rng, options: tuple[str, ...]) -> str:
    return options[int(rng.integers(len(options)))]
