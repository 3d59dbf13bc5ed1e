"""People who do not exist: a person is a seed, a picture of one is a person and a view."""
