"""The few-shot suite as a leaderboard: `few_shot` itself, whose cells these are."""

_base_ = "few_shot.py"
