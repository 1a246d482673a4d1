"""Gradient boosted trees, grown by Yggdrasil Decision Forests and answered by ONNX."""
