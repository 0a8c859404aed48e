"""The one room that opens weights: what can be had, whether it is whole, and one adapter for each kind of model."""
