"""CI: which jobs a change asks for, the workflows that run them, and the one verdict on all of them."""
