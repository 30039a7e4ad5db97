"""What torch engines share: placement, memory fallbacks and patches of their libraries."""
