"""Words of a prompt for an image generator that name no thing, or say what a thing does."""

from __future__ import annotations

from edgeseg.language.lexicon import PEOPLE, word_set

# The words that the original pipeline leaves out, and their kin: light, weather, mood, style, the
# image itself, parts of it, and times of the day.
NOT_THINGS = word_set(
    "half party vibes octane artstation kodak portra fujifilm polaroid rembrandt flash ray "
    "beam-of-light digest watercolour watercolor gouache tones engine-render overcast "
    "condensation impressionism expressionism surrealism cyberpunk steampunk vaporwave anime "
    "manga unreal engine midjourney lora wildlife-photography hyperrealism tag best ultra "
    "aesthetics game-art storytelling negative style-of shadow light lighting sunlight moonlight "
    "daylight backlight backlighting glow glare shade atmosphere mood style aesthetic vibe tone "
    "reflection bokeh blur contrast saturation hdr scene setting environment background backdrop "
    "foreground midground composition view angle perspective detail texture quality resolution "
    "realism exposure focus lens aperture photography photorealism cinematography closeup "
    "close-up render rendering shot rule third palette color colour hue ambience ambiance feeling "
    "feel effect depth grain vignette rain fog mist haze wind weather storm sunset sunrise "
    "dusk dawn night day morning noon afternoon evening midnight midday twilight hour summer "
    "winter autumn spring fall season time year century era moment left right front back middle "
    "center centre side distance rear top bottom corner direction way reference prompt version "
    "variation number amount happiness joy sadness love peace freedom beauty luxury elegance "
    "silence loneliness friendship nostalgia energy power speed motion movement action concept "
    "idea art artwork fantasy dream magic masterpiece minimalism symmetry colouring coloring "
    "trend mystery drama emotion anger fear hope nature life death size shape form design pattern "
    "everything anything nothing thing something lot kind sort type look appearance expression "
    "pose presence air sense wonder amusement excitement celebration conversation fun luck "
    "success strength warmth cold heat depth-of-field indoors outdoors inside outside anywhere "
    "somewhere"
)
# What a word of NOT_THINGS belongs to when it is a thing after all: "traffic light", "air balloon".
MAKES_A_THING = word_set(
    "traffic street stop ceiling string fairy christmas night tail head stage neon brake warning "
    "floor reading bike flood spot desk wall pendant signal emergency lamp sun window eye camera "
    "magnifying contact zoom soccer football baseball corn rice wheat playing landing snow "
    "stained road table glass lava bar"
)
# Said of a picture as a whole: "portrait of a man", "photo of a cat".
MEDIA = word_set(
    "photo photograph picture image portrait painting drawing illustration sketch rendering "
    "render shot view scene close-up closeup snapshot selfie watercolor watercolour artwork "
    "depiction cartoon poster wallpaper collage scenery macro"
)
# Number of a collection that stands for its members: "a group of people", "a pair of shoes".
QUANTITIES = word_set(
    "dozen dozens hundred hundreds thousand thousands pairs tens group pair couple bunch lot lots "
    "crowd flock herd team row rows line number plenty swarm pack set handful array collection "
    "kind type sort trio variety series school squad loads tons range selection gang cluster "
    "majority rest"
)
# What holds or shapes something, so that both are one thing: "a cup of coffee", "slice of pizza".
CONTAINERS = word_set(
    "cup bowl bouquet glass bottle mug slice piece stack pile basket plate jar can box carton "
    "crate bag bucket jug pot pitcher loaf sheet roll ball bunch heap tray cluster bar pint shelf "
    "vase pan block cube tank barrel stick wedge scoop head ear clove wall field path patch tub"
)
PARTS_OF_BODIES = word_set(
    "tentacle trunk antler snout elbow wrist ankle thumb toe eye hair face hand arm leg foot tail "
    "paw ear nose mouth beard moustache mustache lip smile skin fur head neck finger wing feather "
    "whisker tongue tooth mane body shoulder back chest lap cheek chin horn hoof claw beak "
    "eyebrow eyelash fist knee hip waist hairstyle ponytail braid freckle wrinkle muscle"
)
# Opinions and doings before a noun, which tell nothing of how to find it.
MORE_ADJECTIVES = word_set(
    "high low deep shallow intricate airy moody vivid crisp muted pastel monochrome ornate "
    "delicate impressionist symmetrical asymmetrical underwater rustic gothic nordic scandinavian "
    "japanese italian french german english british american chinese indian mexican russian "
    "spanish greek african european asian steep busy bushy dusty rusty muddy snowy sunny rainy "
    "foggy misty grassy sandy rocky mossy hairy woolly cloudy stormy starry icy leafy chubby "
    "skinny bulky sleek vast massive gigantic enormous giant mini miniature medium tiny ancient "
    "modern vintage antique retro contemporary abandoned deserted crowded teenage middle-aged "
    "blonde ginger bald bearded barefoot pregnant raw fried roasted grilled baked cooked frozen "
    "melted melting burnt smooth rough sharp blunt pointed pointy oval triangular rectangular "
    "circular spherical hollow solid loose tight heavy faded pale neon glossy matte matt metallic"
)
OPINIONS = word_set(
    "luxury far ultra whimsical iconic trendy stylish unique special amazing-looking beautiful "
    "cute lovely gorgeous stunning amazing majestic adorable pretty nice epic awesome wonderful "
    "charming elegant perfect magnificent breathtaking impressive fantastic incredible cozy cosy "
    "same typical certain single lone only other another different various multiple several many "
    "numerous few original respective own entire whole real realistic photorealistic "
    "hyperrealistic detailed cinematic dramatic professional smiling laughing crying sleeping "
    "running walking sitting standing jumping dancing playing barking resting happy sad angry "
    "cheerful excited curious lonely friendly good bad great famous favorite favourite random "
    "simple very more most less such first second third next last nearby surrounding visible"
)
# Adjectives by their ends, but for nouns that end so.
ADJECTIVE_ENDS = ("y", "ous", "ful", "less", "ish", "ic", "able", "ible", "ive", "al")
NOUNS_LIKE_ADJECTIVES = word_set(
    "puppy bunny city baby lady jelly berry candy cherry strawberry blueberry raspberry pony "
    "teddy body lorry daisy story factory gallery kitty doggy boy toy monkey donkey turkey key "
    "trolley jockey chimney honey money valley alley abbey jersey kidney hockey tray day bay ray "
    "highway railway runway driveway subway walkway library bakery pantry laundry jewelry "
    "jewellery pottery cutlery stationery belfry tapestry butterfly dragonfly fly sky pastry "
    "daddy mommy mummy granny fairy cowboy playboy buoy battery grocery nursery ferry lily ivy "
    "poppy peony canopy balcony property party family army navy ceremony olive locomotive hive "
    "dive animal hospital cathedral metal pedal sandal medal crystal signal terminal canal petal "
    "mural festival carnival criminal mammal admiral general jackal portal journal vegetable "
    "table cable stable constable kitchen garden oven chicken kitten mitten children men women "
    "pen hen den screen curtain siren warden queen token open heaven raven dozen linen garlic "
    "clinic mechanic picnic music comic mosaic fabric attic plastic elephant plant restaurant "
    "giant ant merchant servant infant tenant pendant croissant radish dish fish goldfish "
    "jellyfish starfish brush bush rubbish paddle hay jay clay x-ray spray array play display "
    "essay sea tea"
)
# Nouns that end like participles.
NOUNS_LIKE_PARTICIPLES = word_set(
    "ceiling string king wing thing swing spring evening morning railing awning clothing crossing "
    "earring pudding dressing topping stocking bedding wedding icing seedling building painting "
    "drawing ring seating sling sibling duckling lighting parking gosling sing ping flooring "
    "siding fencing frosting filling lining plumbing packaging housing wiring carving bed seed "
    "shed sled weed reed steed moped breed bobsled feed bunkbed flatbed seaweed biped bread "
    "thread newlywed purebred"
)
# Compounds with a participle that need no article to be told.
COMPOUND_PARTICIPLES = word_set(
    "cutting washing sewing swimming dining frying living walking bowling shopping sleeping "
    "serving mixing measuring rocking rolling fishing hiking running climbing boxing baking "
    "chewing drinking wrapping ironing folding burning falling melting waving floating flying"
)
# Verbs of what is seen in pictures. Those of the second list take an object, so that they stay
# verbs even before a bare noun: "wearing glasses".
INTRANSITIVE = word_set(
    "dunk howl sneeze yawn blink nod bow bend tremble glide soar plunge stumble trip trot gallop "
    "hop leap bounce crash sparkle gleam glitter flicker flutter rustle shimmer simmer steam "
    "sizzle sprout wilt slump sprawl snore scream shout whisper argue compete race sprint jog "
    "hike camp dangle stick protrude loom tower stroll pause land linger flow gush erupt explode "
    "collapse lean wade paddle row graze peck swoop balance perform practice pray meditate study "
    "shop queue browse scatter melt boil freeze burst sit stand lie sleep walk run jump rest hang "
    "float fly swim play dance wait look smile laugh cry bark grow stop go come perch kneel "
    "crouch squat sail hover gaze stare emerge roam wander travel work talk chat speak sing shine "
    "glow burn fall rise drift lounge relax nap snooze curl meet pose march crawl climb stay live "
    "face point glance peek lurk gather rain snow exist appear seem stretch roll spin slide skate "
    "surf ski dive bathe bloom drip splash fight"
)
TRANSITIVE = word_set(
    "mend weld raise splash wrap overtake rescue steal measure polish scrub dust wipe dry comb "
    "brush trim shave tie untie button zip load carve chisel hammer saw drill nail screw glue "
    "tape stitch embroider weave spin mould shape squeeze press crush grind whisk mix knead "
    "spread sprinkle drizzle dip taste swallow gulp crack open unlock lock knock ring strike beat "
    "hook snatch grip clutch cradle embrace cuddle tickle pinch scratch stroke rub massage "
    "bandage treat comfort greet welcome salute applaud cheer lift hoist lower tilt tip flip "
    "rotate steer pedal paddle navigate pilot land launch fire aim target pierce stab slash "
    "shield defend attack bully scare startle spot notice observe study inspect scan check count "
    "weigh test adjust assemble construct erect demolish dismantle destroy break smash shatter "
    "tear rip split divide separate join link bind wind coil circle encircle enclose contain pour "
    "fill empty spill leak drain soak rinse dye stain coat plaster tile pave carpet furnish "
    "decorate exhibit advertise sign stamp mark label trace outline sketch colour erase record "
    "film capture stream broadcast ride mount saddle harness drag haul tug yank lead walk jog "
    "train coach teach instruct lecture present demonstrate serve order buy pay trade collect "
    "gather pluck harvest water prune save free release trap cage tame milk shear groom pet feed "
    "deliver post mail ship transport escort accompany chase pursue hunt fish net spear dodge "
    "avoid escape jump clear reach grasp point block flank frame edge border dominate overlook "
    "tower shelter protect insulate warm cool heat light illuminate reflect mirror cast blow "
    "inflate pop throw-out juggle toss hurl fling pitch bat bowl kick score tackle swing dunk "
    "wear hold carry eat drink read use pull push throw catch watch cut drive have show feature "
    "include depict cover surround build make cook prepare wash clean paint draw write close pick "
    "put place set park hit bite lick sniff hug kiss follow touch grab spray cross pass enjoy "
    "examine repair fix sell hand give take bring offer bear attach connect dress top crown pack "
    "stack balance play fly sip chew nibble tow guard herd fight support face resemble approach "
    "enter leave climb photograph shoot knit sew type wave shade display guide unload adorn line "
    "hide cause receive wield strum peel slice chop stir bake roast grill mow rake dig plant "
    "sweep mop iron fold hang board visit explore create generate add render imagine want need "
    "see find like love replace remove keep let turn move position arrange stand lay rest"
)
IRREGULAR_VERBS = word_set(
    "is are was were be been being am has had having does did do sat stood lay lain slept ran "
    "hung flew flown swam swum wore worn held rode ridden ate eaten drank drunk drove driven "
    "threw thrown caught cut took taken gave given made built shown drew drawn wrote written led "
    "left went gone came come grew grown blew blown fought hid hidden sold bought brought fed bit "
    "bitten shot told said spun slid dove bore lit set put read saw seen found kept"
)
NOUNS_LIKE_VERBS = word_set("shot cut set bit saw left can dove")
BE = word_set("is are was were be been being am")
# Spoken to the generator, at the start of a sentence: "Place the mug on the table".
ORDERS = word_set(
    "place put add draw generate create make show render paint imagine depict give produce design "
    "let want need position arrange hang set lay keep turn replace include ensure write"
)
PREPOSITIONS_TOO = word_set(
    "past per down up off out after before during via upon alongside amid amidst throughout "
    "except despite plus opposite about ahead away together apart towards atop aboard onto "
    "underneath beyond as than instead because since until till"
)
CONNECTIVES = {"please"} | word_set(
    "and or but nor while as when where who which that whose whom if because so then also just "
    "only now there here both either neither not very really quite too almost nearly still again "
    "yet i you he she we they it them him me us himself herself itself themselves myself this's "
    "it's there's what how why could will would should may might must shall to being each "
    "everyone everybody someone somebody all some"
)
PRONOUNS = word_set("it them him her himself herself itself themselves which they he she")
MANY = word_set("several some many few various multiple numerous lots plenty any")
NONE = word_set("no without not zero never minus excluding except")
LARGE_NUMBERS = {"dozen": 12, "eleven": 11, "twelve": 12, "fifteen": 15, "twenty": 20}

# As nouns these are as common, so that they are verbs only where the grammar leaves no choice.
NOUNS_IN_S = word_set(
    "lights plants stands watches rocks boards boxes bars guides guards walks drinks cooks paints "
    "crosses lines shades sprays sets stacks packs slices chops rolls frames displays supports "
    "faces hands heads points places parks drops bears trains tops covers brushes nails hammers "
    "swings slides flies waves streams falls springs sinks ties saws irons presses mirrors "
    "dresses shoots rings shapes rows posts signs stamps labels tiles plates bowls bats nets "
    "traps cages hooks tapes screws drills buttons zips locks cracks coils circles borders edges "
    "shields boots fires pilots ships waters milks horses stains coats carpets plasters records "
    "films stitches hills scoops pets steps shops camps bows bends races trips hops pitches marks "
    "orders trades presents pops bursts steams flows towers beats strikes rips tears splits "
    "breaks links joins tips flips spots counts tests checks scans targets moves cuts shots shows "
    "turns offers hides supplies grips clutches combs brooms mops rakes"
)
PERSONS = PEOPLE | word_set(
    "sister brother mother father mum mom dad son daughter grandmother grandfather grandma "
    "grandpa aunt uncle cousin friend wife husband teacher student pupil chef cook waiter "
    "waitress doctor nurse farmer driver soldier firefighter policeman police officer sailor "
    "pirate king queen prince princess knight wizard witch dancer singer musician painter artist "
    "photographer tourist cyclist hiker surfer skier skater climber runner swimmer fisherman "
    "hunter butcher baker barber tailor carpenter plumber mechanic gardener builder scientist "
    "engineer astronaut clown monk nun priest bride groom crowd family couple owner customer "
    "shopkeeper merchant dog cat horse bird monkey bear lion tiger elephant fox wolf rabbit "
    "squirrel mouse puppy kitten parrot owl eagle"
)
# Said after the noun that they belong to.
AFTER_NOUNS = word_set(
    "asleep awake overhead alone aloft ashore underwater overgrown upright aside nearby alike "
    "indoors outdoors upstairs downstairs abroad adrift afloat ablaze alight"
)
MODELS_OF_PEOPLE = word_set("girl girls boy boys man men woman women cat cats dog dogs people")
# Where a scene takes place: surroundings rather than things in them.
PLACES = word_set(
    "garden street park beach kitchen room bedroom bathroom office city town village forest wood "
    "woods field meadow desert mountain mountains hill valley sea ocean lake river sky road path "
    "yard backyard courtyard square plaza market cafe restaurant bar library museum church temple "
    "station airport harbour harbor port bridge alley hallway corridor studio gym school classroom "
    "farm barn garage cave jungle island coast shore landscape countryside cityscape skyline "
    "backdrop lawn terrace balcony playground stadium arena zoo orchard vineyard cliff canyon "
    "swamp pond pool snow sand grass ground floor wall ceiling background horizon cloud clouds"
)
# What is worn stands in no place to its wearer that boxes would show.
CLOTHES = word_set(
    "hat cap coat jacket dress shirt t-shirt tshirt suit uniform skirt trousers pants jeans shorts "
    "boots boot shoes shoe socks scarf gloves glove sweater jumper hoodie vest robe gown costume "
    "swimsuit bikini apron helmet tie blouse kimono armor armour glasses sunglasses mask"
)
# Names that begin with a colour: it tells the kind, and is not looked for.
NAMED_BY_COLOUR = frozenset(
    {
        "golden retriever", "red panda", "brown bear", "black bear", "blue jay", "blue whale",
        "red fox", "grey wolf", "gray wolf", "white shark", "orange juice", "red wine",
        "white wine", "black hole", "black tea", "green tea", "green bean", "brown bread",
        "white bread", "red cabbage",
    }
)  # fmt: skip
