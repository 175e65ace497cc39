"""What shops and goods are also called, in Spanish, and kinds that shut each other out."""

# What shops are asked in other words than their own, and how they may call it; a `_` is a space.
CALLED = {
    "estacionamiento": r"""
        (?:dejo|dejar|parar|estaciono|guardar)_(?:el|mi|la)_(?:auto|autito|vehiculo|camioneta|moto|bici)
    """,
    "garantia": r"""
        (?:sale|salen|saliera|salga|viene|vienen|llega|falla)_(?:mal[oa]s?|fallad[oa]s?|defectuos[oa]s?)
        si_(?:me_)?(?:falla|se_echa_a_perder|deja_de_funcionar|no_(?:funciona|prende))
    """,
    "originales/nuevo y sellado": r"""
        reacondicionad[oa]s? (?:es|son|viene[ns]?)_(?:nuev|usad|sellad)[oa]s? segunda_mano
        (?:son|es)_(?:alternativ|truch|replica|imitacion|copia|bamba|de_marca|legitim|autentic)\w*
    """,
    "guardan equipaje/custodia": r"""
        (?:dejo|dejar|guard\w+|encargar|custodia)_(?:la|mi|las|mis|el)_(?:mochila|maleta|bolso|equipaje)s?
    """,
    "envio discreto logo": r"""
        (?:caja|paquete|envio|despacho|sobre|bolsa)_(?:\w+_){0,3}(?:dice|dicen|trae|se_(?:ve|nota|sabe))
        (?:llega|viene|va|mandan|envian)_(?:\w+_)?(?:piola|discret\w+|escondid\w+)
        sin_(?:marca|logo|etiqueta)s? (?:que_no|no|sin_que)_se_(?:note|sepa|vea) disimulad[oa] que_no_diga
    """,
    "entregan de forma anonima/sin decir quien envia": r"""
        (?:sepan?|sepa|decir|digan?|saber)_(?:de_)?quien_(?:\w+_)?(?:mand|envi|son|es|soy|fui)\w*
    """,
    "fian/fiado": r"fi(?:e|es|as?|an|ar|arme|ado)",
    "cuanto calculo por persona/para cuantos alcanza": r"""
        cuant[oa]s?_(?:\w+_){0,4}(?:para|pa)_(?:\w+_)?[0-9]+(?:_personas)?
    """,
    "compra minima/minimo de compra": r"(?:monto_)?minimo_(?:de_compra|para_comprar) compra_minima",
    "veterinario": r"vet",
    "mascota": r"""
        (?:entr\w+|ir|llev\w+|pas\w+)_(?:con|a)_(?:mi|el|la|un|una)_(?:perr\w+|gat\w+|mascota|firulais)
        (?:dejan|aceptan|pueden|permiten)_(?:(?:entrar|pasar)_)?(?:a_)?(?:los_|mi_)?(?:perr\w+|gat\w+|mascotas?)
    """,
    "envuelven regalo/papel regalo": r"envolver\w* envuelv\w+ papel_de_regalo envoltorios?",
    "arriendan": r"(?:alquil|arrend|arriend)\w* prestan rentan",
    "wifi": r"wi_?fi internet clave_del enchufes?",
    "usadas/parte de pago": r"parte_de_pago permut\w+",
    "reservar mesa": r"""
        reserv\w+_(?:\w+_)?(?:mesa|lugar|puesto) (?:guard|apart)\w+_(?:\w+_)?mesa
        reserv\w+_(?:para|pa)_(?:\w+_)?[0-9]+(?:_personas)? (?<!de_)mesa_(?:para|pa)_\w+
    """,
    "leches vegetales/leche sin lactosa": r"""
        lactosa (?:leche|bebida)s?_(?:de_)?(?:soya|avena|almendras?|coco|vegetal\w*)
    """,
    "celiacos/sin gluten seguro": r"celiac\w+ sin_tacc contaminacion_cruzada trazas",
    "ponen nombre/escriben mensaje torta/dedicatoria/poner tarjeta con mensaje": r"""
        (?:que|quiero_que)_(?:la_|el_)?(?:\w+_)?diga
        (?:pon\w+|escrib\w+)_(?:\w+_){0,2}(?:nombre|mensaje|feliz|frase)
        (?:mand|pon|escrib|envi|agreg|inclu)\w+_(?:un_|una_)?(?:mensaje|tarjeta|tarjetita|nota|dedicatoria)s?
        con_(?:el_|un_)?(?:nombre|mensaje|dedicatoria)
    """,
    "graban/personalizan": r"""
        (?:grab|bord|estamp|personaliz)\w+_(?:\w+_){0,2}(?:nombre|logo|letras|iniciales)
    """,
    "mayor de edad/menores de edad/piden carnet": r"""
        (?:soy|es)_menor tengo_(?:casi_)?1[0-7]\b(?!_(?:mil|lucas?|k\b|pesos))
        (?:piden|pide)_(?:carnet|cedula)
    """,
}

# Kinds that shut each other out, a group in each line, parted by `/`; a `_` is a space.
CONTRARIES = r"""
cachorr\w+ junior puppy gatit[oa]s? / adult[oa]s? / senior viej(?:it)?[oa]s? ancian[oa]s?
guaguas? beb[ei]s? recien_nacid[oa]s? / adult[oa]s? mi_(?:senora|polol[oa]|espos[oa]|marido|novi[oa])
nin[oa]s? infantil(?:es)? kids / adult[oa]s? mi_(?:senora|polol[oa]|espos[oa]|marido|novi[oa])
hombres? varon(?:es)? masculin[oa]s? / mujer(?:es)? damas? femenin[oa]s?
interior(?:es)? / exterior(?:es)?
principiantes? emp(?:ezar|iezo|iezan|ezando) nunca_(?:h?[ae]s?|hemos)_\w+ / avanzad[oa]s? profesional(?:es)?
inalambric[oa]s? bluetooth sin_cables? / con_cable cable_de
digital(?:es)? / lector discos? fisic[oa]s?
(?:razas?|perr\w+)_(?:\w+_)?(?:chic|pequen|mini)\w* / (?:razas?|perr\w+)_(?:median\w+_y_)?(?:grande|gigante)s?
veran\w+ / inviern\w+ invernal(?:es)?
zurd[oa]s? / diestr[oa]s?
salad[oa]s? / dulces?
"""

# Goods that a catalogue may call otherwise.
GOODS = """
    ciudad urbana, cerro montaña, montana mtb, celu celular, fono celular, telefono celular, compu computador,
    notebook computador, lentes anteojos, anteojos lentes, gafas lentes, remera polera, camiseta polera,
    polera camiseta, chaqueta parka, auriculares audifonos, cascos audifonos, raton mouse, tele televisor,
    guagua bebe, bebe guagua, nino infantil, nina infantil, ninos infantil, maceta macetero, tierra sustrato,
    lana ovillo, madeja ovillo, ovillo lana, palillos agujas, palillo aguja, agujas palillos, aguja palillo,
    ganchillo crochet, pua uñeta, puas uñetas, plumilla uñeta, estuche funda, funda estuche, forro funda,
    morral mochila, taza tazon, mug tazon, frazada manta, manta frazada, inflador bombin, foco luz,
    linterna luz, ampolleta foco, pegamento adhesivo, boligrafo lapiz, palomitas cabritas, aguacate palta,
    pilas baterias, pastel torta, queque bizcocho, sanguche sandwich, gaseosa bebida, infusion te,
    colonia perfume, aretes aros, brazalete pulsera, argolla anillo, altavoz parlante, ampli amplificador,
    pellet alimento, croquetas alimento, comida alimento, pechera arnes, goma neumatico,
    cubierta neumatico, shampoo champu, champu shampoo, remedio medicamento, silla asiento
"""
