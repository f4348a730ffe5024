"""The look that configuration alone cannot give: the brand's mark and the style sheet of our components."""

import streamlit as st

_MARK = """
<rect width="32" height="32" rx="8" fill="#3a57e8"/>
<path d="M8 12.5V10a2 2 0 0 1 2-2h2.5M19.5 8H22a2 2 0 0 1 2 2v2.5M24 19.5V22a2 2 0 0 1-2 2h-2.5
M12.5 24H10a2 2 0 0 1-2-2v-2.5"
 fill="none" stroke="#fff" stroke-width="2" stroke-linecap="round"/>
<circle cx="16" cy="16" r="3.6" fill="#fff"/><circle cx="20.6" cy="11.4" r="1.7" fill="#5eead4"/>
"""
# "NexusAI" in Geist (SIL Open Font License), weight 620, as outlines: an image cannot use the page's fonts.
_NAME = (
    "M43.6 23.1V8.9H46.7L52.7 19.4V8.9H55.4V23.1H52.2L46.3 12.9V23.1ZM62.7 23.3Q61.1 23.3 59.9 22.7"
    "Q58.7 22 58.1 20.7Q57.4 19.4 57.4 17.8Q57.4 16.1 58.1 14.8Q58.7 13.6 59.9 12.9Q61.1 12.2 62.7 12.2"
    "Q64.2 12.2 65.3 12.9Q66.5 13.5 67.1 14.8Q67.8 16.1 67.8 17.9V18.5H60.2Q60.3 19.9 60.9 20.6"
    "Q61.6 21.2 62.7 21.2Q63.6 21.2 64.1 20.9Q64.7 20.5 64.9 19.8L67.6 20Q67.2 21.5 65.9 22.4"
    "Q64.6 23.3 62.7 23.3ZM60.2 16.7H65Q64.9 15.5 64.3 14.8Q63.7 14.2 62.7 14.2Q61.6 14.2 61 14.9"
    "Q60.3 15.5 60.2 16.7ZM69.2 23.1 73 17.7 69.3 12.4H72.1L74.6 16L76.9 12.4H79.8L76.2 17.7L80 23.1H77.1"
    "L74.6 19.3L72.1 23.1ZM85.5 23.3Q83.9 23.3 82.9 22.3Q82 21.2 82 19.3V12.4H84.6V18.6Q84.6 20 85.1 20.6"
    "Q85.5 21.2 86.4 21.2Q87.4 21.2 88 20.5Q88.5 19.8 88.5 18.5V12.4H91.2V23.1H88.8L88.7 20.1L89 20.2"
    "Q88.8 21.8 87.9 22.6Q87 23.3 85.5 23.3ZM98.1 23.3Q96.4 23.3 95.3 22.9Q94.2 22.4 93.7 21.6"
    "Q93.1 20.8 93.1 19.7L95.8 19.6Q95.9 20.4 96.4 20.9Q96.9 21.4 98.1 21.4Q98.9 21.4 99.4 21.1"
    "Q99.9 20.8 99.9 20.2Q99.9 19.8 99.7 19.6Q99.5 19.3 99.1 19.2Q98.6 19 97.6 18.8Q96 18.5 95.1 18.1"
    "Q94.2 17.7 93.8 17.1Q93.4 16.5 93.4 15.6Q93.4 14 94.6 13.1Q95.7 12.2 98 12.2Q99.5 12.2 100.5 12.7"
    "Q101.5 13.1 102 14Q102.6 14.8 102.6 15.8L100 15.9Q99.9 15.4 99.7 15Q99.5 14.6 99.1 14.4"
    "Q98.6 14.2 97.9 14.2Q97.1 14.2 96.6 14.5Q96.1 14.9 96.1 15.5Q96.1 15.9 96.3 16.2Q96.5 16.4 97 16.6"
    "Q97.4 16.8 98.2 16.9Q99.9 17.1 100.8 17.5Q101.8 18 102.2 18.6Q102.6 19.2 102.6 20.1"
    "Q102.6 21.7 101.4 22.5Q100.1 23.3 98.1 23.3ZM103.5 23.1 108.6 8.9H111.9L117 23.1H114.2L113 19.8H107.5"
    "L106.3 23.1ZM108.2 17.5H112.3L110.3 11.6ZM118.7 23.1V8.9H121.3V23.1Z"
)
MARK = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32" width="32" height="32">{_MARK}</svg>'


def wordmark(colour: str) -> str:
    """The mark with the product's name in a colour, as SVG."""
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 122 32" width="122" height="32">'
        f'{_MARK}<path fill="{colour}" d="{_NAME}"/></svg>'
    )


# Containers are styled by the class that Streamlit gives to their key.
_SHEET = """
<style>
:root { --nx-raised: RAISED; --nx-line: LINE; --nx-accent: ACCENT; --nx-shade: SHADE; }
[data-testid="stMainBlockContainer"] { max-width: 1240px; }
[data-testid="stHeader"] { background: transparent; }
[data-testid="stHeading"] h1 { padding-bottom: 0; letter-spacing: -.01em; }
[data-testid="stHeading"] h3 { padding-top: .35rem; }
[class*="st-key-card_"] {
  background: var(--nx-raised);
  border-color: var(--nx-line);
  box-shadow: 0 1px 2px rgb(var(--nx-shade) / .05), 0 4px 16px -8px rgb(var(--nx-shade) / .08);
}
[class*="st-key-card_link"] { transition: border-color .15s, box-shadow .15s; }
[class*="st-key-card_link"]:hover {
  border-color: var(--nx-accent);
  box-shadow: 0 2px 4px rgb(var(--nx-shade) / .05), 0 10px 24px -10px rgb(var(--nx-shade) / .18);
}
[class*="st-key-card_"] [data-testid="stMetric"] { padding: .15rem 0; }
[data-testid="stMetricLabel"] { opacity: .72; }
[data-testid="stSidebarContent"] { display: flex; flex-direction: column; }
[data-testid="stSidebarUserContent"] { margin-top: auto; padding-top: .75rem; padding-bottom: 1.25rem; }
[data-testid="stSidebarHeader"] { padding-top: 1rem; padding-bottom: .25rem; height: auto; }
[data-testid="stSidebarNavSeparator"] { display: none; }
/* Outside a form a field is sent when it is left; one that is left to its own eye button is not. */
[data-testid="stTextInput"]:not([data-testid="stForm"] *) button[aria-label$="password"] { display: none; }
[data-testid="stSidebarNavLink"] { border-radius: .55rem; padding-block: .22rem; margin-block: 0; }
/* Streamlit rounds a limit of half a gigabyte to "1GB": these labels tell it */
:is(.st-key-dataset_import-file, .st-key-batch-files, .st-key-video-file)
  [data-testid="stFileUploaderDropzoneInstructions"] { display: none; }
.st-key-card_links a { justify-content: flex-start; padding: .25rem .55rem; min-height: 2.1rem; }
.st-key-settings_categories button { justify-content: flex-start; min-height: 2.3rem; padding-inline: .7rem; }
.st-key-settings_categories button > div { width: 100%; justify-content: flex-start; }
:is(.st-key-card_settings, .st-key-card_versions) hr { margin: .35rem 0 .6rem; }
.st-key-picture-source button { padding-inline: .7rem; }
.st-key-picture_errors [data-testid="stAlertContainer"] { padding-block: .45rem; line-height: 1.35; }
.st-key-empty_state { text-align: center; padding: 2.5rem 1rem; }
.st-key-empty_state [data-testid="stMarkdownContainer"] p { margin-inline: auto; max-width: 46ch; }
.st-key-sign_in_column { max-width: 420px; margin: 6vh auto 0; }
[data-testid="stApp"]:has(.st-key-sign_in_column) [data-testid="stSidebar"] { display: none; }
.st-key-sign_in_column [data-testid="stForm"] {
  background: var(--nx-raised); padding: 1.6rem 1.6rem 1.4rem;
  box-shadow: 0 1px 2px rgb(var(--nx-shade) / .06), 0 18px 40px -18px rgb(var(--nx-shade) / .22);
}
.st-key-sign_in_column :is(.stFormSubmitButton, [data-testid="stFormSubmitButton"]) { width: 100%; }
.st-key-sign_in_column [data-testid="stElementContainer"]:has([data-testid="stFormSubmitButton"]) { width: 100%; }
.st-key-sign_in_column [data-testid="stFormSubmitButton"] button {
  width: 100%; color: #fff; background: var(--nx-accent); border-color: var(--nx-accent); margin-top: .4rem;
}
.st-key-sign_in_column [data-testid="stFormSubmitButton"] button:hover { filter: brightness(.93); color: #fff; }
[class*="st-key-trail_"] [data-testid="stExpander"] details {
  border: 0; border-bottom: 1px solid var(--nx-line); border-radius: 0;
}
[class*="st-key-offer_"] { border-top: 1px solid var(--nx-line); padding-top: .7rem; }
[class*="st-key-sample_"] img { aspect-ratio: 4 / 3; object-fit: cover; border-radius: .5rem; }
[class*="st-key-tile_"] { background: var(--nx-raised); border-color: var(--nx-line); padding: .6rem .6rem .35rem; }
[class*="st-key-tile_"] img {
  aspect-ratio: 4 / 3; object-fit: contain; border-radius: .4rem; background: rgb(var(--nx-shade) / .05);
}
[class*="st-key-tile_"] button { padding: 0; min-height: 1.6rem; }
.st-key-card_result_picture img { border-radius: .6rem; }
[class*="st-key-card_summary_"] { padding: .5rem .9rem; }
[class*="st-key-card_summary_"] [data-testid="stMetricValue"] { font-size: 1.3rem; line-height: 1.3; }
.st-key-card_thresholds { padding-block: .6rem 0; }
[class*="st-key-event_"] .nx-thumb {
  display: block; width: 60px; height: 60px; object-fit: cover; border-radius: .4rem;
}
[class*="st-key-event_"] button { min-height: 1.6rem; min-width: 0; padding-block: 0; text-align: left; }
.nx-film { display: block; width: 100%; aspect-ratio: 16 / 9; border-radius: .5rem; background: #0b1020; }
</style>
"""


# The configured theme's colours again: Streamlit does not hand them to style sheets.
_LIGHT = {"RAISED": "#ffffff", "LINE": "#dfe3ee", "ACCENT": "#3a57e8", "SHADE": "15 22 51"}
_DARK = {"RAISED": "#131a2e", "LINE": "#29324e", "ACCENT": "#5f7bff", "SHADE": "0 0 0"}


def is_dark() -> bool:
    """Whether the browser shows the dark theme."""
    return st.context.theme.type == "dark"


def ink() -> str:
    """The text colour of the theme in use, for pictures and charts."""
    return "#e4e8f5" if is_dark() else "#171c2f"


def mark() -> str:
    """The background of what is to be noticed in a table."""
    return "#3a3412" if is_dark() else "#fff6d6"


def apply() -> None:
    """Put the style sheet on the page; the text is ours alone."""
    sheet = _SHEET
    for name, value in (_DARK if is_dark() else _LIGHT).items():
        sheet = sheet.replace(name, value)
    st.html(sheet)
