"""Views on entities in several images: JSON of the original's forms, drawings, and a page."""
