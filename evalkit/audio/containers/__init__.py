"""What a sound file's container says of itself, before anything is decoded: parts, ends, cuts."""
