"""The sizes that everything between detector and gallery agrees on."""

CROP_SIZE_PX = 112
"""Side of a crop, which EdgeFace and DSR take."""

EMBEDDING_SIZE = 512
"""Numbers in an embedding, which EdgeFace gives."""
