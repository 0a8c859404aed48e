"""How the models in models/ were made. Nothing in rag/ imports this."""
