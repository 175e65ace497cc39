"""What contacts write to a shop, in Portuguese; what each kind is for, `vocabulary` says."""

WORDS = {
    "greetings": "oi ola opa bom boa boas eai",
    "thanks": "obrigado obrigada obg valeu brigado brigada agradeco",
    "closings": "ta beleza blz certo otimo perfeito nao",
    "farewells": "tchau ate falou abraco",
    "chat": """
        tudo bem voce voces dia tarde noite muito obrigado obrigada pela atencao ajuda e ate logo mais so
        por enquanto isso mesmo
    """,
    "price": "preco precos quanto custa custam valor sai saem",
    "stock": "estoque resta restam quantos quantas disponivel",
    "asking": "tem voces vendem vende quero queria gostaria procuro preciso comprar",
    "yes": "sim claro quero compro levo pode",
    "filler": """
        um uma uns umas algum alguma algo favor bonito barato melhor serve aguenta suporta para pra do
        da dos das com o os meu minha voces vocês tem teria ai esse essa qual e de em no na ser mais menos
        ate reais quero queria gostaria procuro preciso comprar quanto custa
    """,
}

EXPRESSIONS = {
    "leaves": r"""
        so_(?:estava_|estou_)?olhando vou_pensar por_enquanto_(?:e_)?so depois_eu_(?:falo|volto)
    """,
    "greeting": r"tudo_(?:bem|bom|certo) como_vai bo[am]_(?:dia|tarde|noite) pode_me_ajudar",
    "catalogue": r"""
        catalogo cardapio lista_de_precos (?:o_)?que_(?:voces_|vcs_)?(?:tem|vendem|oferecem)$
        quais_produtos
    """,
    "who": r"quem_e_voce com_quem_(?:eu_)?falo voce_e_(?:um_)?(?:robo|bot)",
    "insult": r"ladroes golpistas? merda idiotas? lixo caloteir\w+",
    "complaint": r"""
        reclam\w+ chegou_(?:\w+_){0,3}(?:quebrad|errad|danificad|aberto|estragad)\w* nao_funciona$
        veio_(?:\w+_)?(?:quebrad|errad|estragad)\w* meu_dinheiro (?:quero|meu|o)_reembolso procon pessimo
    """,
    "broken": r"quebrou parou_de_funcionar",
    "order": r"""
        meu_(?:pedido|pacote) minha_(?:compra|encomenda) rastre\w+ ainda_nao_chegou nao_chegou ja_paguei
    """,
    "haggling": r"descont\w+ faz_por abatimento mais_em_conta esta_caro ta_caro",
    "wholesale": r"atacado revend\w+ no_atacado",
    "restock": r"quando_(?:chega|volta|vai_ter|tera) me_avis\w+",
    "work": r"vaga_de_emprego trabalhar_com_voces fornecedor\w*",
    "invoices": r"nota_fiscal notas?_fiscais cnpj",
    "returns": r"troc(?:a|as|ar) devol\w+ garantia",
    "payment": r"""
        pag(?:o(?!_(?:la_|a_)?diferen)|amento|amentos|ar) pix cartao cartoes boleto dinheiro parcel\w+
    """,
    "hours": r"""
        que_horas horarios? abrem? aberto fecham? fechado atendem domingos? sabados? feriados?
    """,
    "address": r"""
        endereco onde_(?:fica|ficam|voces_ficam|e_a_loja) loja_fisica localizacao como_chego
    """,
    "delivery": r"entreg\w+ fretes? enviam envio mandam_(?:para|pra) retirada retirar",
    "compare": r"qual_(?:e_)?(?:o_|a_)?melhor qual_(?:voce_)?recomend\w+ diferenca",
    "attribute": r"""
        aguenta\w* suporta\w* serve_(?:para|pra) vem_com compativ\w+ de_que_(?:e|material) mais_detalhes
    """,
    "cheapest": r"mais_barat[oa]s? mais_em_conta menor_preco",
    "service": r"fazem voces_podem posso da_para",
    "process": r"com_quant[oa]s?_(?:dias?|tempo|antecedencia)",
    "sells": r"tem vendem?",
    "purpose": r"algo_(?:\w+_){0,3}(?:para|pra)_\w+[aei]r",
    "thing": r"(?:tem|vendem?|quero|procuro|preciso)_(?:uma?_|de_)?(?:caixas?|garrafas?|sacolas?)$",
    "both": r"(?:os|as)_(?:2|3|dois|duas|tres)$ ambos ambas tudo_junto",
    "asked_thing": r"""
        (?:que|qual)_(\w{3,20}(?:_de_\w+)?)_(?:me|te|lhe|voces?)_(?:serve|recomend|indica|fica)\w*
    """,
    "loose": r"avuls[oa]s? unidade",
    "lists": r"(?:que|quais)_(\w+)_(?:voces_|vcs_)?(?:tem|vendem|oferecem)$",
    "some": r"algo alguma? algum coisas? para pra sem com",
    "anything": r"algo presente coisa",
    "its": r"^(?:e_)?(?:vem|serve|aguenta|suporta|mede|pesa|dura)",
    "quality": r"(?<=[a-z]_)sao_(?=\w+$)",
    "added": r"^(?:e_)?quanto_(?:\w+_){0,2}(?:com|mais)_(?:o|a|um|uma)_",
    "sends": r"(?:entregam|enviam)$",
    "its_cost": r"^(?:e_)?(?:quanto_(?:custa|sai|fica)|e_gratis)$",
    "how_many_of_it": r"quant[oa]s_(\w{4,20})_(?:tem|traz|contem)",
    "business": r"(?:tenho|temos|para)_(?:um|uma|meu|minha)_(?:loja|restaurante|hotel|padaria|empresa)",
    "story": r"^(?:(?:meu|minha|meus|minhas)_|(?:eu_)?tenho_|sou_|estou_)",
    "cheaper": r"(?:algo|algum|outro)_mais_barato mais_barat[oa]s?_(?:do_)?que",
    "size": r"tamanho_(?:pp|p|m|g|gg)",
    "instalments": r"[0-9]{1,2}_(?:parcelas|vezes|meses)|[0-9]{1,2}x",
    "not_this": r"^nao_(?:ess[ea]|est[ea])(?:_nao)?",
    "most": r"(?:o|a)_mais_(grande|pequen[oa]|fort|long[oa]|curt[oa]|lev)e?s?",
    "more": r"(?:algo|um|uma|outr[oa])_mais_(grande|pequen[oa]|fort|long[oa]|curt[oa]|lev)e?s?",
    "dearest": r"mais_car[oa]s?",
    "no": r"nao_(?:quero|preciso|gosto)(?:_de)? ^sem",
    "not_so": r"que_nao_(?:sejam?|tenham?)_(?:de_)?",
    "free": r"sem_(\w{3,20})",
    "another": r"(?:que|qual|algum|alguma|tem)_outr[oa]s?",
    "but": r"_(?:mas|quero|prefiro)_",
    "for": r"_(?:para|pra)_",
    "and": r"_(?:e|com|mais)_(?:(?:um|uma|o|a)_)?",
    "or": r"_ou_(?:o_|a_)?",
    "wish": r"_que_ _(?:para|pra)_(?=\w+[aei]r_)",
}

# Goods as a Spanish catalogue has them; words that Spanish has too are left out.
GOODS = """
    churrasqueira parrilla, churrasco asado, lenha leña, carvao carbon, fogao estufa,
    polvo pulpo, peixe pescado, peixes pescados, mexilhao choritos, camarao camaron,
    ouvido audifonos, cidade urbana, grosso grueso, grossa gruesa, cordas cuerdas, violao guitarra,
    palheta uñeta, palhetas uñetas,
    agulha aguja, agulhas agujas, fio hilo, novelo ovillo,
    console consola, borracha goma, xicara taza, presente regalo,
    oleo aceite, sementes semillas, sapatos zapatos, tenis zapatillas, jaqueta chaqueta, casaco abrigo,
    moletom poleron, camiseta polera, calca pantalon, calcas pantalon, meias calcetines, luvas guantes,
    bolsa bolso, barraca carpa, lanterna linterna, fogareiro cocinilla, garrafa botella, oculos lentes,
    protetor protector, mulher mujer, feminino mujer, homem hombre, masculino hombre, crianca niño,
    criancas niños, infantil niño, chuva lluvia, couro cuero, impermeavel impermeable, pao pan, bolo torta,
    bolos tortas, biscoito galleta, biscoitos galletas, suco jugo, leite leche, aveia avena,
    amendoas almendras, sem sin, queijo queso,
    presunto jamon, cerveja cerveza, vinho vino, acucar azucar, ovos huevos, cha te, frango pollo,
    peixe pescado, limao limon, morango frutilla, nozes nuez, racao alimento, cachorro perro, cao perro,
    filhote cachorro, coleira collar, guia correa, brinquedo juguete, brinquedos juguetes, bola pelota,
    petiscos snack, tigela plato, fone audifonos, fones audifonos, carregador cargador, capinha carcasa,
    relogio reloj, jogos juegos, jogo juego, controle control, cadeira silla, espelho espejo,
    travesseiro almohada, vaso macetero, adubo fertilizante, martelo martillo, furadeira taladro,
    parafusos tornillos, capacete casco, pneu neumatico, corrente cadena, freio freno, caderno cuaderno,
    tesoura tijeras, cola pegamento, sabonete jabon, boneca muñeca, isolante aislante,
    colchonete colchoneta, fogao cocinilla, panelas ollas
"""
