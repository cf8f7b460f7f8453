"""The card of the minis: what each can and cannot do, measured."""
