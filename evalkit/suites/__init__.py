"""Reading a suite manifest: prompts, references and protocol. Called, it is `evalkit.api.suites`."""

from evalkit.core.called_room import call_as

call_as(__name__, "evalkit.api.suites:suites")
