"""A listening test from run folders: the study, its page, the answers."""
