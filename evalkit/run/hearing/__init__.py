"""How `evalkit detect` has networks hear: a file for each kind of network, with the choices that are known for it."""
