"""Closed word classes that the grammar of prompts is made of."""

from __future__ import annotations


def word_set(words: str) -> frozenset[str]:
    """Read words that are separated by spaces."""
    return frozenset(words.split())


def _map(text: str) -> dict[str, str]:
    """Read "value: word word" lines as word -> value."""
    rows = (line.split(":") for line in text.strip().split("\n"))
    return {word: value.strip() for value, words in rows for word in words.split()}


def numbered(words: str) -> dict[str, int]:
    """Read words that are separated by spaces as word -> place, from 1."""
    return {word: number for number, word in enumerate(words.split(), 1)}


ARTICLES = word_set("a an the")
DETERMINERS = ARTICLES | word_set(
    "this that these those my your his her its our their some any each every all both"
)
NUMBERS = numbered("one two three four five six seven eight nine ten")
ORDINALS = numbered("first second third fourth fifth sixth seventh eighth ninth tenth")

PREPOSITIONS = word_set(
    "in on at with of by near next behind under above below over inside between beside against "
    "around across through from into onto to for like beneath underneath outside atop among "
    "along without within towards toward"
)
# Participles that open a description: "person wearing a hat".
PARTICIPLES = word_set(
    "wearing holding carrying riding sitting standing lying eating drinking playing walking "
    "running looking facing using driving flying hanging leaning reading sleeping made filled "
    "covered parked jumping swimming dressed pulling pushing throwing catching"
)
RELATIVES = word_set("that which who whose where whom")
COLOURS = word_set(
    "black white red green blue yellow orange purple pink brown grey gray beige golden silver "
    "gold navy turquoise cyan magenta violet maroon tan cream"
)
ADJECTIVES = COLOURS | word_set(
    "big small large little tiny huge tall short long wide narrow old young new fresh dirty clean "
    "wet dry open closed empty full round square striped spotted dark bright light shiny wooden "
    "metal plastic leather broken fluffy furry cute happy sad hot cold fast slow thin thick heavy "
    "soft hard colourful colorful beautiful ripe sliced spicy sweet plain loud quiet expensive "
    "cheap flat curly straight transparent tame wild male female elderly dotted checkered"
)

PEOPLE = word_set(
    "person people man men woman women boy boys girl girls child children kid kids lady ladies "
    "guy guys human humans adult adults player players rider riders baby babies gentleman one "
    "pedestrian pedestrians worker workers somebody someone toddler dude bystander bystanders"
)
EVERYTHING = word_set("everything anything all objects things stuff items object")
EVERYONE = word_set("everyone everybody anyone anybody")
GENERIC = word_set(
    "thing things something anything object objects item items stuff tool tools device devices "
    "place places somewhere someplace spot location container containers appliance appliances "
    "utensil utensils equipment gear machine machines gadget gadgets instrument instruments way "
    "implement product surface part accessory accessories someone somebody anyone anybody "
    "anywhere footwear furniture clothing clothes garment vehicle vehicles transport animal "
    "animals "
    "creature creatures food foods fruit fruits vegetable vegetables kit piece pieces seat room "
    "electronics source "
    "protection apparel supplies material"
)

# Words after which "left", "right", "top", "front" and the like are not places in the image.
PARTS = word_set(
    "hand hands arm arms leg legs foot feet eye eyes ear ears shoulder shoulders knee knees elbow "
    "cheek wrist ankle thumb finger fingers paw paws wing wings hoof horn breast lung side sides "
    "wheel wheels tire tires tyre tyres headlight headlights taillight mirror blinker indicator "
    "shoe shoes boot boots glove gloves sock socks sleeve sleeves pocket lane turn arrow bank edge "
    "corner half end back front door doors window windows leaf lens page click brain field fielder "
    "forearm hind rear thigh calf heel nostril tusk earring pedal button footed handed hander"
)
NOT_PLACES = {
    "left": PARTS | word_set("drive luggage over overs behind out hook wingers winger"),
    "right": PARTS
    | word_set("angle angles whale whales way answer now here there triangle winger hook"),
    "top": word_set(
        "hat hats coat coats gun knot bun secret load loader quality brand floor bunk of"
    )
    | word_set("end up down ten speed"),
    "bottom": word_set("bracket bunk line feeder feeders half end up of"),
    "middle": word_set(
        "finger fingers school schools east eastern age aged ages name class ear ground of earth"
    ),
    "center": word_set(
        "console court piece field fielder line stage island table parting forward of"
    ),
    "upper": PARTS | word_set("body lip class case floor jaw deck"),
    "lower": PARTS | word_set("body lip class case floor jaw deck"),
    "central": word_set("park station heating library perk bank"),
    "nearest": word_set("neighbour neighbor"),
}

# Superlative -> kind of filter; comparatives ("the bigger dog") choose between what is there.
SUPERLATIVES = _map(
    """
leftmost: leftmost
rightmost: rightmost
topmost: topmost uppermost highest top upper
bottommost: bottommost lowermost lowest bottom lower undermost
largest: largest biggest tallest longest widest hugest broadest bigger larger taller
smallest: smallest tiniest littlest shortest narrowest smaller shorter
front: frontmost foremost closest nearest closer nearer
back: backmost rearmost hindmost farthest furthest farther further
center: centermost centremost middlemost middle center centre central
"""
)
SUPERLATIVES["left"] = "leftmost"
SUPERLATIVES["right"] = "rightmost"
BY_AREA = word_set("tallest longest widest broadest taller shortest narrowest shorter")

# Words of a question that say nothing about the thing that is asked for.
FRAME_WORDS = (
    DETERMINERS
    | PREPOSITIONS
    | RELATIVES
    | word_set(
        "what how why when can could would should shall will may might must do does did is are was "
        "were be been being am have has had having i you we they he she it me us them him one ones "
        "someone somebody anyone people person please there here and or but so if then than as not "
        "no yes just also too very really now like thing things something anything object objects "
        "item items stuff tool tools device devices kind kinds sort image picture photo "
        "scene able up down off out away about im id ive its usually normally typically often "
        "maybe perhaps going gonna wanna else such only much many more most don doesn didn isn "
        "aren won ll ve re s t m d purpose designed meant intended allow allows lets let enable "
        "suppose supposed exactly nice ought wish hello hi before after while until during place "
        "places somewhere someplace"
    )
)
# Words that say little: they count less than the others when meanings are compared.
LIGHT_WORDS = word_set(
    "type types use used using need needs needed want wants help helps find get gets getting "
    "got make makes "
    "making made put puts keep keeps keeping go goes see sees look looking know take takes taking "
    "give gives show shows tell come comes try trying best good suitable useful way spot possible "
    "feel feels fancy grab going allowed anyone person people today right require required "
    "work works stay stop let part hold holding bring "
    "animal animals vehicle vehicles equipment gear food container appliance utensil"
)
