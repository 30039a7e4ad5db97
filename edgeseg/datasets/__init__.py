"""Labelled data sets: an ontology of classes, splits, doubts, a summary, and files that train."""
