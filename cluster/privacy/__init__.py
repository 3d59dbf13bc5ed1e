"""What is kept and for how long, what is left of nobody, and how an alert is explained."""
