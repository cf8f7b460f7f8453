"""Known answers: does this installation, with these weights, compute what is known of it?"""
