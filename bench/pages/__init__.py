"""The report: pages of a results folder that open from a disk. Imports neither torch nor timm."""
