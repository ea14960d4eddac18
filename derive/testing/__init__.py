"""Checks somebody's backward function against the proved closed form of a layer, and says what it computes instead."""
