"""How the shipped models are made: data, words, distillation, training, export."""
