"""Semantic segmentation: class sets, data, segmenters, their training and their test per condition."""
