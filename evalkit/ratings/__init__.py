"""What listeners said: files of ratings read, collected answers, and metrics held against them."""
