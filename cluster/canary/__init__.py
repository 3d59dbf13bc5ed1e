"""Somebody who does not exist walks past a camera that is none, to show that alerts come."""
