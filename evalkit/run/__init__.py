"""Plan, generate, embed, score, gate. Called, it is `evalkit.api.run`."""

from evalkit.core.called_room import call_as

call_as(__name__, "evalkit.api.run:run")
