"""What can be wrong with a data set, and what an audit finds."""
