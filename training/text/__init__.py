"""How the two classifiers of words were taught; see README.md."""
