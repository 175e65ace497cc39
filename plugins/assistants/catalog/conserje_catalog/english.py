"""What contacts write to a shop, in English; what each kind is for, `vocabulary` says."""

WORDS = {
    "greetings": "hey hello hi start morning afternoon evening",
    "thanks": "thanks thank thx ty cheers appreciated",
    "closings": "okay great cool perfect fine sure no nothing",
    "farewells": "goodbye bye later",
    "chat": """
        good you very much so are how there is it all that day just for the your help see have a nice well
        doing going looking browsing
    """,
    "price": "price prices cost costs much",
    "stock": "stock left available",
    "asking": "have sell want need buy looking got",
    "yes": "yes yeah yep sure want take buy it",
    "filler": """
        do you i a an the any some is are there have sell want need buy looking for got of to with my me
        please what which how much many does it this that cheap cheapest best would like can could get one
        ones or and under less than up
    """,
}

EXPRESSIONS = {
    "leaves": r"just_(?:looking|browsing) i_ll_think that_s_all not_now maybe_later",
    "greeting": r"""
        how_are_you how_is_it_going what_s_up good_(?:morning|afternoon|evening) are_you_there
        can_you_help_me
    """,
    "catalogue": r"""
        catalog(?:ue)? what_do_you_(?:have|sell|offer)$ (?:price|product)_list
        what_(?:products|else)_do_you_(?:have|sell)
    """,
    "who": r"""
        who_are_you are_you_(?:a_)?(?:bot|robot|human|real) who_am_i_(?:talking|speaking)_(?:to|with)
    """,
    "insult": r"thieves scammers? idiots? shit bastards? assholes? useless",
    "complaint": r"""
        complain\w* (?:arrived|came|is|was)_(?:\w+_)?(?:broken|damaged|wrong|expired|torn) does_?n_t_work
        not_working money_back refund_me terrible awful
    """,
    "broken": r"it_broke stopped_working",
    "order": r"""
        my_(?:order|package|parcel|purchase) track\w* has_?n_t_arrived not_arrived already_paid
    """,
    "haggling": r"discounts? cheaper_price best_price lower_(?:the_)?price coupons? too_expensive",
    "wholesale": r"wholesale resell\w* in_bulk",
    "restock": r"back_in_stock when_will_you_have let_me_know_when notify_me",
    "work": r"job_openings? work_for_you are_you_hiring supplier",
    "invoices": r"invoices? receipts?",
    "returns": r"return(?:s|ing)? exchange warranty guarantee refunds?",
    "payment": r"""
        pay(?:ment|ments|ing)? credit_cards? debit cash bank_transfer paypal instal?lments?
    """,
    "hours": r"""
        opening_hours hours what_time open opens? clos(?:e|ed|es) sundays? saturdays? holidays?
    """,
    "address": r"""
        address where_are_you where_is_(?:your|the)_(?:shop|store) physical_store location located
        directions
    """,
    "delivery": r"deliver\w* shipping ship_(?:to|it) ships? pick_?up",
    "compare": r"which_(?:one_)?(?:is_better|do_you_recommend|should_i) difference compare",
    "attribute": r"""
        does_it_(?:come|work|hold|fit|include|have) compatible what_size made_of more_(?:info|details)
        hold holds tell_me_(?:more_)?about
    """,
    "cheapest": r"cheapest cheap lowest_price",
    "service": r"can_(?:you|i) could_you do_you_(?:do|make|offer)",
    "process": r"how_(?:many_days|long|far)_(?:before|in_advance|ahead)",
    "sells": r"have sell",
    "purpose": r"something_(?:for|to)_\w+",
    "thing": r"(?:have|sell|need|want)_(?:an?_|any_|some_)?(?:boxes|bags|bottles|coffee)$",
    "both": r"both altogether in_total",
    "asked_thing": r"(?:what|which)_(\w{3,20})_(?:would|should|do)_(?:you|i)_\w+",
    "loose": r"single loose",
    "lists": r"(?:what|which)_(\w+)_do_you_(?:have|sell|carry)$",
    "some": r"something anything for with without",
    "anything": r"something gift present",
    "its": r"^(?:and_)?(?:does_it|is_it|what_size)",
    "quality": r"(?<=[a-z]_)(?:is_it|are_they)_",
    "added": r"^(?:and_)?how_much_(?:\w+_){0,2}(?:with|plus)_",
    "sends": r"(?:ship|deliver)_there",
    "its_cost": r"^(?:and_)?(?:how_much_(?:is_it|does_it_cost|is_that)|is_it_free)$",
    "how_many_of_it": r"how_(?:many|much)_(\w{4,20})_(?:does|do|is|are)",
    "business": r"(?:i_have|we_have|for_my)_(?:an?_)?(?:shop|store|restaurant|cafe|hotel|business)",
    "story": r"^(?:my|i_am|im|i_have|we_have)_",
    "cheaper": r"(?:something|anything|one)_cheaper cheaper_than",
    "size": r"size_(?:xs|s|m|l|xl|xxl)",
    "instalments": r"[0-9]{1,2}_(?:installments?|months|payments)",
    "not_this": r"^not_(?:this|that)_one",
    "most": r"the_(big|large|small|strong|light|long|short)(?:g?er|g?est)",
    "more": r"(?:anything|something|one)_(big|large|small|strong|light|long|short)g?er",
    "dearest": r"most_expensive",
    "no": r"(?:i_)?(?:don_t|do_not|dont)_(?:want|need|like) ^without no_more",
    "not_so": r"that_(?:is|are)_?n_t_ (?:but_)?not_(?:the_)?",
    "free": r"(?:without|no)_(\w{3,20}) (\w{3,20})_free",
    "another": r"(?:what|which|any|have)_others?",
    "but": r"_(?:but|want|prefer)_",
    "for": r"_for_",
    "and": r"_(?:and|with|plus)_(?:(?:a|an|the)_)?",
    "or": r"_or_(?:the_|a_)?",
    "wish": r"_that_ _which_ _to_",
}

# Goods as a Spanish catalogue has them; words that Spanish has too are left out.
GOODS = """
    roll rollo, rolls rollos, film rollo, develop revelan, prints impresion, print imprimir, photo foto,
    photos fotos, fish pescado, shrimp camaron, octopus pulpo, frame marco,
    oil aceite, oils aceites, seeds semillas, boots botas, shoes zapatos, sneakers zapatillas,
    sandals sandalias, jacket chaqueta, coat abrigo, sweater poleron, hoodie poleron, shirt polera,
    pants pantalon, trousers pantalon, socks calcetines, hat gorro, gloves guantes, backpack mochila,
    bag bolso, tent carpa, headlamp linterna, flashlight linterna, stove cocinilla, bottle botella,
    sunglasses lentes, glasses lentes, sunscreen protector, women mujer, woman mujer, ladies mujer,
    men hombre, man hombre, kids niño, child niño, children niños, hiking trekking, running correr,
    rain lluvia, waterproof impermeable, wool lana, leather cuero, cotton algodon, coffee cafe, bread pan,
    cake torta, cakes tortas, cookie galleta, cookies galletas, pastry pastel, juice jugo, milk leche,
    oat avena, almond almendras, soy soya, without sin, free sin,
    cheese queso, ham jamon, water agua, beer cerveza, wine vino, sugar azucar, rice arroz, eggs huevos,
    tea te, whole integral, wheat integral, city urbana, strings cuerdas, string cuerda, guitar guitarra,
    yarn lana, needles agujas, needle aguja, hook crochet, picks uñetas, drumsticks baquetas, drum tambor,
    chicken pollo, meat carne, fish pescado, lemon limon, strawberry frutilla, walnut nuez,
    raspberry frambuesa, dog perro, dogs perros, cat gato, cats gatos, puppy cachorro,
    leash correa, toy juguete, toys juguetes, ball pelota, bed cama, treats premios, bowl plato,
    keyboard teclado, console consola, mug taza, cup taza, gift regalo, headphones audifonos,
    headset audifonos, charger cargador, case carcasa,
    phone celular, watch reloj, games juegos, game juego, controller control, chair silla, table mesa,
    lamp lampara, desk escritorio, shelf estante, pillow almohada, mirror espejo, plant planta,
    plants plantas, flowers flores, roses rosas, pot macetero, soil tierra, fertilizer fertilizante,
    hammer martillo, drill taladro, paint pintura, screws tornillos, nails clavos, saw sierra, helmet casco,
    tire neumatico, tires neumaticos, chain cadena, brakes frenos, bike bicicleta, lock candado,
    notebook cuaderno, pencil lapiz, pen lapiz, scissors tijeras, glue pegamento, soap jabon, cream crema,
    candle vela, doll muñeca, puzzle rompecabezas
"""
