"""The browser UI: a Streamlit app that talks to the API through edgeseg.client."""
