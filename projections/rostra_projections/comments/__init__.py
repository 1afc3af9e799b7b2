"""The view `comments`: rows, fold, ranking and moves."""
