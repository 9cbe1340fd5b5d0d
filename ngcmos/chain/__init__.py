"""All stages of a night in their order; many nights; a night that is followed."""
