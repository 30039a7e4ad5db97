"""How an EdgeSAM is trained: prompts in the loop, by annotated masks or by a teacher's.

Zhou et al., "EdgeSAM: Prompt-In-the-Loop Distillation for On-Device Deployment of SAM",
arXiv 2312.06660, written from the paper.
"""
