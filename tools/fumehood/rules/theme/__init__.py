"""Theme: whether an experiment says what kind it is."""
