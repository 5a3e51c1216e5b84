"""The published language: every event, its envelope and its registry.

Public events contain codes, ids and instants, and never identify a person by name.
"""
