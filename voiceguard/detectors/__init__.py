"""Speech to scores: front ends and score calibration of the two models; the models themselves come in as callables."""
