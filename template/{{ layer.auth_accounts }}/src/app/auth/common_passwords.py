"""Which passwords are among the first that anybody would try.

Most lists of leaked passwords are short ones; of twelve characters and more, the common ones are a
common word or two and a run of the keyboard or of digits. This finds those, without a list of
somebody else's.
"""

_TEXT = """
abc123 access admin administrator amanda america andrew angel anthony apple april arsenal august
autumn azerty babygirl backup banana barcelona baseball basketball batman beautiful blink182 bonjour
buster butterfly changeit changeme charlie cheese chelsea chocolat chocolate christian computer
contrasena cookie daniel database december default diamond donald dragon elephant facebook february
ferrari flower football forever freedom friday friends george ginger google guest hallo harley hello
helloworld hockey house hunter ihateyou iloveyou internet january jasmine jennifer jessica jesus
jordan joshua july june justin killer letmein linkedin liverpool login london love lovely loveme
loveyou maggie manager march master matrix matthew mercedes michael michelle microsoft minecraft
monday monkey motdepasse mother mustang naruto nicole november october office orange parola pass
passord passw0rd password passwort patrick peanut pepper please pokemon princess purple qwerty
qwertz rainbow ranger root samantha samsung saturday secret senha september server shadow silver
soccer something spider spring starwars summer sunday sunflower sunshine superman support sweet
system taylor temp temporary tequiero test testing thomas thunder thursday tigger trustno1 tuesday
user victoria wachtwoord wednesday welcome whatever william willkommen windows winter wizard yankees
zaq12wsx
"""
_WORDS = frozenset(_TEXT.split())
_LONGEST_WORD = max(map(len, _WORDS))
_RUNS = (
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890123456789",
    "00112233445566778899",
    "qwertyuiop",
    "qwertzuiop",
    "azertyuiop",
    "asdfghjkl",
    "zxcvbnm",
    "yxcvbnm",
    "1q2w3e4r5t6y7u8i9o0p",
    "q1w2e3r4t5y6u7i8o9p0",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
    "qazwsxedcrfvtgbyhnujmikolp",
    "!@#$%^&*()",
    '!"§$%&/()=',
)
_ALL_RUNS = (*_RUNS, *(run[::-1] for run in _RUNS))
_SUBSTITUTES = str.maketrans("@4301$57", "aaeoisst")
_FEW = 3


def is_common(password: str, *personal: str) -> bool:
    """Whether three or fewer guessable pieces and odd characters make up the password.

    `personal` are words that are easily guessed for this account, such as its address.
    """
    folded = password.casefold()
    # "passwordpassword" is no better than "password".
    period = (folded + folded).find(folded, 1)
    return _pieces(folded[:period], [word.casefold() for word in personal if len(word) > 2]) <= _FEW


def _pieces(text: str, personal: list[str]) -> int:
    plain = text.translate(_SUBSTITUTES)
    count = position = 0
    while position < len(text):
        position += max(
            1,
            _word(text, plain, position, personal),
            _run(text, position),
            _repetition(text, position),
            _year(text, position),
        )
        count += 1
    return count


def _word(text: str, plain: str, start: int, personal: list[str]) -> int:
    for word in personal:
        if text.startswith(word, start):
            return len(word)
    for length in range(min(_LONGEST_WORD, len(text) - start), 2, -1):
        if {text[start : start + length], plain[start : start + length]} & _WORDS:
            return length
    return 0


def _run(text: str, start: int) -> int:
    length = 3
    while start + length <= len(text) and any(
        text[start : start + length] in run for run in _ALL_RUNS
    ):
        length += 1
    return length - 1 if length > 3 else 0


def _repetition(text: str, start: int) -> int:
    rest = text[start:]
    return len(rest) - len(rest.lstrip(rest[0]))


def _year(text: str, start: int) -> int:
    return 4 if text[start : start + 4].isdigit() and text[start : start + 2] in {"19", "20"} else 0
